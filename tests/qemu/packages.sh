# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by capture.sh: Debian packages of any architecture, fetched and unpacked, never installed.
# apt works on a state of its own, so that the host's sources and architectures stay as they are.
# Format reference: apt.conf(5). Not handled: repositories that need a client certificate.

# Sets up $apt_state for Debian architecture $1; false when there is no archive to be had.
apt_begin() {
    apt_arch=$1
    apt_state=$cache/apt-$1
    mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial" "$cache/debs-$1"
    apt_sources >"$apt_state/sources.list"
    [ -s "$apt_state/sources.list" ] || return 1
    find "$apt_state/updated" -mtime -1 2>/dev/null | grep -q . ||
        { apt_get update >"$apt_state/update.log" 2>&1 && touch "$apt_state/updated"; } ||
        apt_cache show busybox-static >/dev/null 2>&1
}

# The host's own Debian archives, as one-line sources for $apt_arch.
apt_sources() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' \
        'Created-By: Packages' 2>/dev/null |
        awk -v arch="$apt_arch" '$4 == "Debian" && !seen[$0]++ {
            print "deb [arch=" arch "]", $1, $2, $3 }'
}

apt_options() {
    printf '%s\n' "-oAPT::Architecture=$apt_arch" "-oAPT::Architectures=$apt_arch" \
        "-oDir::State::Lists=$apt_state/lists" "-oDir::Cache=$apt_state/cache" \
        "-oDir::Etc::SourceList=$apt_state/sources.list" -oDir::Etc::SourceParts=- \
        -oAPT::Sandbox::User=root
}
apt_get() { apt-get $(apt_options) -qq "$@"; }
apt_cache() { apt-cache $(apt_options) "$@"; }

# The package that a meta package stands for, itself when it is none.
apt_resolve() { # NAME
    real=$(apt_cache depends "$1" 2>/dev/null |
        sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    if [ -n "$real" ]; then apt_resolve "$real"; else echo "$1"; fi
}

# Downloads packages that are not there in their newest version yet, and sets $deb to the last.
apt_fetch() { # NAME...
    for package in "$@"; do
        file=$(apt_get --print-uris download "$package" 2>/dev/null | awk '{ print $2; exit }')
        [ -n "$file" ] || { echo "no package $package:$apt_arch"; return 1; }
        deb=$cache/debs-$apt_arch/$file
        [ -s "$deb" ] || (cd "$cache/debs-$apt_arch" && apt_get download "$package") || return 1
        [ -s "$deb" ] || { echo "apt left no $file"; return 1; }
    done
}

# Unpacks packages into DIR; each once.
apt_unpack() { # DIR NAME...
    into=$1
    shift
    mkdir -p "$into/.unpacked"
    for package in "$@"; do
        apt_fetch "$package" || return 1
        mark=$into/.unpacked/${deb##*/}
        [ -e "$mark" ] || { dpkg-deb -x "$deb" "$into" && touch "$mark"; } || return 1
    done
}

# The library packages that NAME needs, however indirectly; not those of its configuration dialogue.
apt_libraries() { # NAME
    apt_depends "$1" | sed -n 's/^ *.*Depends: \(lib[^ :]*\|zlib1g\)$/\1/p' | sort -u |
        while read -r library; do
            apt_depends --recurse "$library" | sed -n "s/:.*//; /^z\\{0,1\\}lib/p"
        done | sort -u
}
apt_depends() {
    apt_cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@" 2>/dev/null
}
