#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The age program opens what dumpcrypt writes, and the other way round: every kind of recipient,
# armored and not, at sizes around a chunk's. Format reference: c2sp.org/age.
# Not handled: plugins, post-quantum keys. Needs no dumps.
# usage: age.sh [BYTES...]   further sizes, such as 2147483648
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpcrypt
need_peers age age-keygen ssh-keygen "$python"
scratch=${DUMPIO_SCRATCH:-${TMPDIR:-/tmp}/dumpio-interop}
mkdir -p "$scratch"
tmp=$(mktemp -d "$scratch/age.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

ours() { "$DUMPIO_BIN/dumpcrypt" -q "$@"; }
# Both programs ask at the terminal: give them one, and the passphrase there.
at_terminal() { # COMMAND...
    "$python" -B "$here/terminal.py" "correct horse battery" "$@"
}
same() { # LABEL FILE FILE
    if cmp -s "$2" "$3"; then pass "$1"; else fail "$1"; fi
}
refuses() { # LABEL COMMAND...: must fail and leave no file "refused"
    label=$1
    shift
    rm -f refused
    if "$@" 2>refused.err; then
        fail "$label: no error"
    elif [ -e refused ]; then
        fail "$label: left a file"
    elif [ ! -s refused.err ]; then
        fail "$label: said nothing"
    else
        pass "$label: $(tail -n 1 refused.err | cut -c 1-120)"
    fi
}

# ---- keys ----------------------------------------------------------------------------------------

ours keygen -o ours.key || fail "keygen"
age-keygen -o theirs.key 2>/dev/null
for k in ours theirs; do
    age-keygen -y $k.key >$k.age-pub
    ours keygen -y -i $k.key >$k.our-pub
    same "$k.key: the same public key" $k.age-pub $k.our-pub
done
ssh-keygen -q -t ed25519 -N '' -C 'some comment' -f ed25519.key
ssh-keygen -q -t rsa -b 2048 -N '' -f rsa.key
ssh-keygen -q -t rsa -b 3072 -N '' -m PEM -f pem.key
ssh-keygen -q -t ed25519 -N 'secret' -f locked.key
mode=$(stat -c %a ours.key)
if [ "$mode" = 600 ]; then pass "keygen: mode 600"; else fail "keygen: mode $mode"; fi

# ---- both ways -----------------------------------------------------------------------------------

sizes="0 1 65535 65536 65537 21000007 $*"
for size in $sizes; do
    head -c $size /dev/urandom >plain.$size
done
for kind in theirs ours ed25519 rsa pem; do
    case $kind in
    ours | theirs) recipients=$kind.age-pub ;;
    *) recipients=$kind.key.pub ;;
    esac
    for size in $sizes; do
        for armor in '' -a; do
            label="$kind $size ${armor:-binary}"
            ours $armor -R $recipients <plain.$size >o.age && age -d -i $kind.key o.age >back
            same "$label: age opens ours" plain.$size back
            ours -d -i $kind.key o.age >back
            same "$label: ours opens ours" plain.$size back
            age $armor -R $recipients plain.$size >t.age && ours -d -i $kind.key <t.age >back
            same "$label: ours opens age's" plain.$size back
        done
    done
done

# ---- several recipients, SSH keys among them ------------------------------------------------------

cat theirs.age-pub ed25519.key.pub rsa.key.pub pem.key.pub >all.txt
ours -R all.txt -r "$(cat ours.age-pub)" -o all.age plain.65537
for kind in theirs ours ed25519 rsa pem; do
    age -d -i $kind.key all.age >back
    same "five recipients, $kind: age opens ours" plain.65537 back
    ours -d -i $kind.key all.age >back
    same "five recipients, $kind: ours opens ours" plain.65537 back
done
n=$(ours inspect --json all.age | grep -c -e X25519 -e ssh-)
if [ "$n" -eq 5 ]; then pass "inspect: five stanzas"; else fail "inspect: $n stanzas"; fi
age-keygen 2>/dev/null >stranger.key
refuses "a stranger's key" ours -d -i stranger.key -o refused all.age
refuses "an SSH key with a passphrase" ours -d -i locked.key -o refused all.age
refuses "no key" ours -d -o refused all.age

# ---- passphrases ----------------------------------------------------------------------------------

echo "correct horse battery" >pass.txt
echo "something else" >wrong.txt
ours -p --passphrase-file pass.txt -o pass.age plain.65537
at_terminal age -d -o back pass.age
same "passphrase: age opens ours" plain.65537 back
rm -f back t.age
at_terminal age -p -a -o t.age plain.65537
ours -d --passphrase-file pass.txt -o back t.age
same "passphrase: ours opens age's" plain.65537 back
rm -f back
ours -d --passphrase-fd 7 -o back t.age 7<pass.txt
same "passphrase from a descriptor" plain.65537 back
rm -f back
at_terminal "$DUMPIO_BIN/dumpcrypt" -q -p -o term.age plain.65537
at_terminal "$DUMPIO_BIN/dumpcrypt" -q -d -o back term.age
same "passphrase at the terminal" plain.65537 back
refuses "a wrong passphrase" ours -d --passphrase-file wrong.txt -o refused t.age

# ---- an identity file that is an age file ----------------------------------------------------------

at_terminal age -p -a -o locked-id.age theirs.key
rm -f back
ours -d -i locked-id.age --passphrase-file pass.txt -o back all.age
same "an identity file with a passphrase" plain.65537 back

# ---- rewrap ----------------------------------------------------------------------------------------

ours rewrap -i theirs.key -R ed25519.key.pub -o rewrapped.age all.age
age -d -i ed25519.key rewrapped.age >back
same "rewrap: age opens it with the new key" plain.65537 back
refuses "rewrap: the old key is out" ours -d -i theirs.key -o refused rewrapped.age
ours rewrap -i theirs.key -p --new-passphrase-file pass.txt -a -o rewrapped.asc all.age
rm -f back
at_terminal age -d -o back rewrapped.asc
same "rewrap: to a passphrase, armored" plain.65537 back

# ---- nothing is overwritten, nothing is left -------------------------------------------------------

cp all.age copy.age
refuses "input and output the same" ours -f -d -i theirs.key -o copy.age copy.age
same "input and output the same: untouched" all.age copy.age
echo precious >there
refuses "an existing output" ours -d -i theirs.key -o there all.age
echo precious | cmp -s - there && pass "an existing output: untouched"
head -c 65700 all.age >cut.age
refuses "a cut file" ours -d -i theirs.key -o refused cut.age
cp all.age bad.age
printf '\377' | dd of=bad.age bs=1 seek=9000 conv=notrunc status=none
refuses "a damaged file" ours -d -i theirs.key -o refused bad.age
refuses "a file that is not encrypted" ours -d -i theirs.key -o refused plain.65537
left=$(find . -name '.*dumpio*' | wc -l)
if [ "$left" -eq 0 ]; then pass "no temporary files"; else fail "$left temporary files"; fi
finish
