#!/bin/sh
# Tells each check as TAP: what it is fed, what it should say.
program=$1 number=0

check() {
    number=$((number + 1))
    said=$(printf "$2" | "$program")
    if [ "$said" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "# said $said, not $3"
    fi
}

{
    check 'nothing has no words' '' 0
    check 'two words on a line' 'two words\n' 2
    check 'blanks and empty lines separate' '  a\n\n\tb   c' 3
    echo "1..$number"
} >report.tap
cat report.tap
! grep -q '^not ok' report.tap
