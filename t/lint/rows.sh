#!/bin/sh
# rows.sh ROWS: fails where the objects of a room ask for a symbol of a room
# that is not in its row, whatever the link would say: a static library finds
# anything that comes in by another one. The build runs it before it links
# the program. ROWS has a line for each room: its name, its archive, and the
# archives of its row.
set -eu
rows=$1

# Word by word, as a list of archives: no name of ours has a blank.
# shellcheck disable=SC2046
"${NM:-nm}" -A -g $(awk '{ print $2 }' "$rows") 2>/dev/null | awk '
	NR == FNR {
		room[$2] = $1
		for (i = 2; i <= NF; i++)
			may[$1, $i] = 1
		next
	}
	# ARCHIVE:OBJECT:[ADDRESS] KIND SYMBOL
	NF == 3 {
		archive = $1
		sub(/:.*/, "", archive)
		if ($2 ~ /^[Uvw]$/)
			asked[archive, $3] = 1
		else
			home[$3] = archive
	}
	# A room brings its parts: dns/question comes with dns.
	function allows(by, of, whole, i) {
		whole = room[of]
		sub("/.*", "", whole)
		if (whole == by)
			return 1
		for (i in room)
			if ((i == of || room[i] == whole) && (by, i) in may)
				return 1
		return 0
	}
	END {
		for (pair in asked) {
			split(pair, part, SUBSEP)
			by = room[part[1]]
			of = home[part[2]]
			if (of == "" || allows(by, of))
				continue
			printf "%s asks for %s of %s, which is not in its row\n",
			    by, part[2], room[of]
			bad = 1
		}
		for (symbol in home)
			exit bad
		print "rows.sh: nothing to look at"
		exit 1
	}' "$rows" - >&2
