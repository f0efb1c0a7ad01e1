#!/bin/sh
# psql, a session for each part: it reads its statements from standard input, which the test has for itself.
psql="$1 --no-psqlrc --quiet --no-align --tuples-only -v ON_ERROR_STOP=0 -v VERBOSITY=verbose"
run() { sh -c "$psql" 2>&1 | grep -v '^NOTICE\|^HINT\|^LOCATION' ; }
delete() { printf '%s\n' "\\unset QUIET" "DELETE FROM orders WHERE id = $1;" ; }
say() { sed -n 's/^DELETE \([0-9]*\)$/deleted \1/p; s/^.*ERROR:  \([0-9A-Z]*\): .*/refused \1/p; s/^DETAIL:  //p; s/^1$/lives 1/p' | tr '\n' ' ' | sed 's/ refused/\nrefused/g; s/ deleted/\ndeleted/g; s/ lives/\nlives/g; s/ $//'; echo; }
delete 1 | run | say
{ delete 2; echo 'SELECT 1;'; } | run | say
{ echo "SET postern.approval = 'defer';"; delete 3; } | run | grep -v '^SET' | say
read -r _
{ echo "SET postern.approval = 'defer';"; delete 3; delete 3; } | run | grep -v '^SET' | say
# Ctrl-C: the whole group of a terminal gets it, and psql sends a cancel.
delete 4 > "$2"
$psql -f "$2" > "$2.out" 2>&1 &
child=$!
read -r _
kill -INT $child
wait $child
say < "$2.out"
echo 'SELECT 1;' | run | say
