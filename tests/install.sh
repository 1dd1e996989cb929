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
                           "    - dense: {name: fc, units: 4}\n    - dense: {name: out, units: 3}\n"
                           "freeze: {layers: [fc]}\n"
                           "data: {format: synthetic, train: {rows: 20, classes: 3}}\n"
                           "train: {epochs: 2, batch_size: 5}\n";

static fl_status train(fl_comm *comm, fl_config *config, const char *dir) {
    fl_experiment *x;
    fl_train_options options = {.run_dir = dir, .progress = FL_PROGRESS_NONE};
    fl_train_result result;
    FL_TRY(fl_experiment_open(config, &x));
    fl_status status = fl_train(comm, x, &options, &result);
    if (status == FL_OK)
        printf("%zu parameters, %d steps, %d bytes reduced an epoch\n", fl_model_count(x->model),
               (int)result.steps, (int)result.last.payload_bytes);
    fl_experiment_close(x);
    return status;
}

int main(int argc, char **argv) {
    fl_comm *comm;
    fl_config *config;
    if (argc != 2 || fl_comm_open(&comm) != FL_OK) return 1;
    if (fl_config_parse("text", text, 0, NULL, &config) != FL_OK) return 2;
    fl_status status = train(comm, config, argv[1]);
    if (status != FL_OK) fprintf(stderr, "%s\n", fl_message());
    fl_config_close(config);
    fl_comm_close(comm);
    return (int)status;
}
C
# shellcheck disable=SC2046 # flags are words
"${CC:-cc}" -std=gnu11 -Wall -Werror "$@" "$root/program.c" $(pkg-config --cflags --libs frostline) -o "$root/program"
export LD_LIBRARY_PATH=$lib
answer=$("$root/program" "$root/run" | tail -n 1)
[ "$answer" = "51 parameters, 8 steps, 240 bytes reduced an epoch" ] || { echo "it says '$answer'" && exit 1; }
[ "$("$bin" --version)" = "frostline $(pkg-config --modversion frostline)" ]
"$bin" ls | grep '^01_sequential .' >/dev/null # not -q: it would leave the writer to SIGPIPE
(cd "$root" && "$bin" cp 01_sequential mine.yaml && "$bin" validate mine.yaml) >"$root/log" || { cat "$root/log" && exit 1; }

# Only the library's own names are seen from outside.
strangers=$(nm -D --defined-only "$lib/libfrostline.so" | awk '$3 !~ /^fl_/ && $2 != "A" { print $3 }')
[ -z "$strangers" ] || { echo "libfrostline.so exports $strangers" && exit 1; }
objdump -p "$lib/libfrostline.so" | grep 'SONAME *libfrostline\.so\.[0-9]' >/dev/null
