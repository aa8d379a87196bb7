#!/bin/sh
# rows.sh ROWS: fails where the objects of a room ask for a symbol of a room
# that is not in its row, whatever the link would say: a static library finds
# anything that comes in by another one. The build runs it before it links
# the program. ROWS has a line for each room: its name, its archive, and the
# archives of its row.
set -eu
rows=$1
nm=${NM:-nm}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

while read -r room archive _; do
	"$nm" -g --defined-only "$archive" 2>/dev/null |
	    awk -v r="$room" 'NF == 3 { print $3, r }'
done <"$rows" >"$made/defined"

bad=0
while read -r room archive row; do
	allowed=" $room "
	for below in $row; do
		allowed="$allowed$(awk -v a="$below" '$2 == a { print $1 }' "$rows") "
	done
	"$nm" -g --undefined-only "$archive" 2>/dev/null |
	    awk 'NF == 2 { print $2 }' | sort -u >"$made/asked"
	awk -v room="$room" -v allowed="$allowed" '
		NR == FNR { home[$1] = $2; next }
		# A room brings its parts: dns/question comes with dns.
		!($1 in home) { next }
		{ of = home[$1]; whole = of; sub("/.*", "", whole) }
		!index(allowed, " " of " ") &&
		    !index(allowed, " " whole " ") {
			printf "%s asks for %s of %s, which is not in its row\n",
			    room, $1, of
			bad = 1
		}
		END { exit bad }' "$made/defined" "$made/asked" >&2 || bad=1
done <"$rows"
[ -s "$made/defined" ] || { echo "rows.sh: nothing to look at" >&2; exit 1; }
exit $bad
