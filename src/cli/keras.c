/* Weights of Keras, through frostline-keras. */
#include "cli/keras.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frostline/process.h"

bool fl_keras_is_hdf5(const char *path) {
    static const char magic[] = "\x89HDF\r\n\x1a\n";
    char start[sizeof magic - 1];
    FILE *f = fopen(path, "rb");
    bool is = f && fread(start, sizeof start, 1, f) == 1 && memcmp(start, magic, sizeof start) == 0;
    if (f) fclose(f);
    return is;
}

static fl_status ready(const char *program) {
    if (fl_exists(program)) return FL_OK;
    return fl_fail(FL_ERR_CONFIG, "this build cannot read HDF5: install libhdf5-dev, then "
                                  "configure and build anew");
}

/* What it said: notes, and the message if it failed. */
static fl_status pass_on(int code, const char *from, const char *log) {
    char *text;
    size_t n;
    FL_TRY(fl_file_read(log, &text, &n));
    while (n > 0 && text[n - 1] == '\n') text[--n] = '\0';
    fl_status status = FL_OK;
    if (fl_process_interrupted())
        status = fl_fail(FL_ERR_STOPPED, "stopped while converting; nothing is written");
    else if (code >= 128)
        status = fl_fail(FL_ERR_INPUT, "%s: libhdf5 broke down over it (signal %d); is it whole?",
                         from, code - 128);
    else if (code > 0)
        status = fl_fail_text((fl_status)code, text);
    else if (n > 0)
        fprintf(stderr, "%s\n", text);
    fl_free(text);
    return status;
}

static fl_status run(const char *from, const char *to, const char *log, bool bgr,
                     const char *flatten) {
    char *program = fl_process_beside("frostline-keras");
    const char *word[] = {program, from, to, bgr ? "1" : "0", flatten ? flatten : "", NULL};
    int code = 0;
    fl_status status = ready(program);
    fl_process_signals_begin();
    if (status == FL_OK)
        status = fl_process_run(
            &(fl_process){
                .word = word, .out = log, .log = log, .remedy = "build and install Frostline anew"},
            &code);
    fl_process_signals_end();
    fl_free(program);
    return status == FL_OK ? pass_on(code, from, log) : status;
}

static fl_status make_dir(const char *dir, const char *beside) {
    if (mkdir(dir, 0777) == 0) return FL_OK;
    return fl_fail(FL_ERR_IO, "cannot write '%s': %s", beside, strerror(errno));
}

/* Once it is mapped the file needs no name. */
fl_status fl_keras_import(const char *from, const char *beside, bool bgr, const char *flatten,
                          fl_weights **out) {
    char *dir = fl_format("%s.%d.tmp", beside, (int)getpid()),
         *to = fl_path_join(dir, "keras.safetensors"), *log = fl_path_join(dir, "log");
    *out = NULL;
    fl_status status = make_dir(dir, beside);
    if (status == FL_OK) status = run(from, to, log, bgr, flatten);
    if (status == FL_OK) status = fl_weights_open(to, out);
    if (status == FL_OK) fl_weights_call(*out, from);
    fl_remove_tree(dir);
    fl_free(log);
    fl_free(to);
    fl_free(dir);
    return status;
}
