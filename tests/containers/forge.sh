# One repository behind git's own server. Its build waits until it is let go, prints lines, and keeps a file.
set -eu
cd /tmp
mkdir octo
git init -q -b main octo/app
cat > octo/app/.hubwright.yml << 'RECIPE'
stages:
  - print: |
      i=0
      while [ $i -lt 300 ]; do echo "line $i"; i=$((i + 1)); sleep 0.1; done
      mkdir -p out && seq 100000 > out/numbers.txt
    artifacts: [out/*]
RECIPE
git -C octo/app add .hubwright.yml
git -C octo/app -c user.name=Ada -c user.email=ada@example.org commit -qm 'Print for half a minute'
exec git daemon --reuseaddr --export-all --base-path=/tmp
