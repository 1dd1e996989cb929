/* A simulation as processes: smpirun, with a platform and frostline-simulate beside this program.
 */
#include <jansson.h>
#include <string.h>

#include "frostline/process.h"
#include "simulate_internal.h"

enum { MAX_WORDS = 48 };

static const char remedy[] = "install libsimgrid-dev (bash cluster/packages.sh --simgrid)";

static char *program(void) { /* caller frees */
    return fl_process_beside("frostline-simulate");
}

fl_status fl_simulate_ready(void) {
    char *path = program();
    bool there = fl_exists(path);
    fl_free(path);
    if (!there)
        return fl_fail(FL_ERR_CONFIG,
                       "this build cannot simulate: install libsimgrid-dev (bash "
                       "cluster/packages.sh --simgrid), then configure and build anew");
    if (fl_process_found("smpirun")) return FL_OK;
    return fl_fail(FL_ERR_CONFIG, "there is no 'smpirun' on the PATH, which simulates: %s", remedy);
}

/* ---- the process ---- */

typedef struct files { /* in the folder of a simulation; owned */
    char *script, *platform, *hosts, *result, *log, *program, *np;
} files;

static files files_in(const char *dir, int np) {
    return (files){.script = fl_path_join(dir, "script.json"),
                   .platform = fl_path_join(dir, "platform.xml"),
                   .hosts = fl_path_join(dir, "hosts"),
                   .result = fl_path_join(dir, "result.json"),
                   .log = fl_path_join(dir, "smpirun.log"),
                   .program = program(),
                   .np = fl_format("%d", 2 * np)};
}

static void close_files(files *f) {
    fl_free(f->script);
    fl_free(f->platform);
    fl_free(f->hosts);
    fl_free(f->result);
    fl_free(f->log);
    fl_free(f->program);
    fl_free(f->np);
}

/* The ranks share what is static: they are threads that take turns, and all set it alike. */
static fl_status run(const files *f, int *code) {
    const char *word[MAX_WORDS] = {"smpirun",   "-no-privatize", "-np",       f->np,
                                   "-platform", f->platform,     "-hostfile", f->hosts};
    int n = 8;
    for (int i = 0; fl_simgrid_options[i]; i++) word[n++] = fl_simgrid_options[i];
    word[n++] = f->program, word[n++] = f->script, word[n++] = f->result;
    return fl_process_run(
        &(fl_process){.word = word, .out = f->log, .log = f->log, .remedy = remedy}, code);
}

static fl_status start(const files *f) {
    int code = 0;
    FL_TRY(run(f, &code));
    if (fl_process_interrupted()) return fl_fail(FL_ERR_STOPPED, "stopped while simulating");
    if (code == 0) return FL_OK;
    char *words = fl_process_last_words(f->log);
    fl_status status = fl_fail(FL_ERR_INTERNAL, "smpirun ended with exit code %d: %s; see %s", code,
                               words, f->log);
    fl_free(words);
    return status;
}

/* ---- what came out ---- */

static fl_status read_result(const char *path, fl_simulated *out) {
    static const char *const key[] = {"step_seconds", "exposed_seconds",     "sent_bytes",
                                      "messages",     "foretold_sent_bytes", "foretold_messages"};
    double *const to[] = {&out->step_seconds, &out->exposed_seconds,     &out->sent_bytes,
                          &out->messages,     &out->foretold_sent_bytes, &out->foretold_messages};
    json_t *o = json_load_file(path, 0, NULL);
    bool whole = o != NULL;
    for (size_t i = 0; i < FL_COUNT(key); i++) {
        const json_t *v = json_object_get(o, key[i]);
        whole = whole && json_is_number(v);
        *to[i] = json_number_value(v);
    }
    json_decref(o);
    if (whole) return FL_OK;
    return fl_fail(FL_ERR_INTERNAL, "%s: the simulation left no result", path);
}

fl_status fl_simulate(const fl_script *s, const fl_network *n, const char *dir, fl_simulated *out) {
    FL_TRY(fl_simulate_ready());
    files f = files_in(dir, s->np);
    char *text = fl_script_json(s);
    fl_status status = fl_file_write(f.script, text, strlen(text));
    fl_free(text);
    if (status == FL_OK) status = fl_platform_write(f.platform, s->np, n);
    if (status == FL_OK) status = fl_hosts_write(f.hosts, s->np);
    if (status == FL_OK) status = start(&f);
    if (status == FL_OK) status = read_result(f.result, out);
    close_files(&f);
    return status;
}
