# One repository behind git's own server: a build that prints for a minute, and keeps a file.
set -eu
mkdir /tmp/octo
cd /tmp/octo
git init -q -b main app
cat > app/.hubwright.yml << 'RECIPE'
stages:
  - print:
      run: |
        i=0
        while [ $i -lt 600 ]; do echo "line $i"; i=$((i + 1)); sleep 0.1; done
        mkdir out
        seq 100000 > out/numbers.txt
      artifacts: [out/*]
RECIPE
git -C app add .hubwright.yml
git -C app -c user.name=Ada -c user.email=ada@example.org commit -qm 'Print for a minute'
exec git daemon --reuseaddr --export-all --base-path=/tmp
