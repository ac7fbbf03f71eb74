# Makes the database at the first start, as the official image does, and serves it.
set -eu
data=/var/lib/postgresql/data
if ! test -s $data/PG_VERSION; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb -D $data -U "$POSTGRES_USER" -A scram-sha-256 --pwfile /tmp/password -E UTF8 --no-locale
    echo 'host all all all scram-sha-256' >> $data/pg_hba.conf
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D $data postgres
fi
exec "$@" -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp
