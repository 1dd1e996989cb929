#!/usr/bin/env bash
# Installs a build into an empty folder and lives there as a stranger would: a C program is compiled with
# nothing but pkg-config's word, linked, and run; the installed command answers.
#
#   tests/install.sh BUILD [FLAG…]     flags for the compiler (the build's sanitizers)
set -euo pipefail
build=$(cd "$1" && pwd) && shift
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

DESTDIR=$root cmake --install "$build" >"$root/log" || { cat "$root/log" && exit 1; }
pc=$(find "$root" -name frostline.pc)
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=${pc%/*}
lib=$root$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=libdir frostline)
bin=$(find "$root" -type f -name frostline -perm -u+x)

cat >"$root/program.c" <<'C'
#include <frostline/frostline.h>

static const char text[] = "model:\n  input: [8]\n  layers:\n"
                           "    - dense: {name: fc, units: 4}\n    - dense: {name: out, units: 3}\n";

int main(void) {
    fl_config *config;
    fl_model_conf conf;
    fl_model *model;
    if (fl_config_parse("text", text, 0, NULL, &config) != FL_OK) return 1;
    fl_node *section = fl_config_section(config, "model");
    if (fl_fields_parse(section, "section 'model'", fl_model_fields, NULL, &conf) != FL_OK) return 2;
    if (fl_model_open(&conf, section, &model) != FL_OK) return 3;
    printf("%zu parameters\n", fl_model_count(model));
    fl_model_close(model);
    fl_config_close(config);
    return 0;
}
C
# shellcheck disable=SC2046 # flags are words
"${CC:-cc}" -std=gnu11 -Wall -Werror "$@" "$root/program.c" $(pkg-config --cflags --libs frostline) -o "$root/program"
export LD_LIBRARY_PATH=$lib
[ "$("$root/program")" = "51 parameters" ]
[ "$("$bin" --version)" = "frostline $(pkg-config --modversion frostline)" ]
"$bin" ls | grep -q '^01_sequential .'
(cd "$root" && "$bin" cp 01_sequential mine.yaml && "$bin" validate mine.yaml) >"$root/log" || { cat "$root/log" && exit 1; }

# Only the library's own names are seen from outside.
strangers=$(nm -D --defined-only "$lib/libfrostline.so" | awk '$3 !~ /^fl_/ && $2 != "A" { print $3 }')
[ -z "$strangers" ] || { echo "libfrostline.so exports $strangers" && exit 1; }
objdump -p "$lib/libfrostline.so" | grep -q 'SONAME *libfrostline\.so\.[0-9]'
