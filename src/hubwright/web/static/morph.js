// Makes one element as another is, in place: what stays the same is not touched, so focus, selection, scrolling and what
// the reader has opened stay too. Rows are known by their id, else by the first address in them, and are not mixed up.

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  children(old, fresh);
}

function children(old, fresh) {
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  const known = Map.groupBy([...old.childNodes].filter(keyOf), keyOf); // two rows may lead to the same address
  let at = old.firstChild;
  for (const node of wanted) {
    while (at && keyOf(at) && !keys.has(keyOf(at))) at = drop(at); // a row that has gone
    const key = keyOf(node);
    const same = key ? known.get(key)?.shift() : at && !keyOf(at) ? at : null;
    if (!same) { old.insertBefore(node, at); continue; }
    if (same === at) at = at.nextSibling; else old.insertBefore(same, at);
    morph(same, node);
  }
  while (at) at = drop(at);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.id) return `#${node.id}`;
  return /^(LI|TR)$/.test(node.nodeName) ? node.querySelector("a[href]")?.getAttribute("href") ?? "" : "";
}
