#!/bin/sh
# Sends a file to a receiver on this machine that loses a tenth of what arrives,
# and shows that the file came whole. Needs Go and nothing else; nothing leaves
# the loopback interface.
#
#   sh demo.sh [FILE]
set -eu
cd "$(dirname "$0")"
file=${1:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
go build -o "$dir" ./cmd/pgmsend ./cmd/pgmrecv
if [ -z "$file" ]; then
	file=$dir/pgmsend # a file of some megabytes that is sure to be here
fi
mkdir "$dir/received"

"$dir/pgmrecv" --output "$dir/received" --count 1 --drop 10 --timeout 120s &
receiver=$!
sleep 1
"$dir/pgmsend" --file "$file"
wait "$receiver"

cmp "$file" "$dir/received/$(basename "$file")"
echo "$(basename "$file"), $(wc -c <"$file") bytes, arrived intact"
