#!/bin/sh
# Runs each case of a table, both ways round. usage: check.sh PROGRAM TABLE
program=$1
failed=0
count=0

expect() { # EVR1 SIGN EVR2
  count=$((count + 1))
  said=$("$program" "$1" "$3")
  if [ "$said" != "$1 $2 $3" ]; then
    echo "FAIL: expected '$1 $2 $3', got '$said'"
    failed=$((failed + 1))
  fi
}

while read -r a sign b rest; do
  case $a in '' | '#'*) continue ;; esac
  expect "$a" "$sign" "$b"
  case $sign in
    '<') expect "$b" '>' "$a" ;;
    '>') expect "$b" '<' "$a" ;;
    *) expect "$b" '==' "$a" ;;
  esac
done < "$2"

echo "$count comparisons, $failed failed"
[ "$failed" = 0 ] && [ "$count" -gt 0 ]
