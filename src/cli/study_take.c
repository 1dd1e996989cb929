/* One point of a study: found in study.jsonl, or run, and noted there. */
#include <stdio.h>
#include <string.h>

#include "cli/launch.h"
#include "cli/study.h"
#include "frostline/log.h"

static const fl_study_run *find(const fl_study_runs *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->run[i].key, key) == 0) return &s->run[i];
    return NULL;
}

static void note_failure(fl_study *s, fl_study_run *r, int code, const char *log) {
    r->message = code ? fl_process_last_words(log) : fl_strdup(fl_message());
    r->value[FL_STUDY_exit_code] = code ? code : FL_ERR_INPUT;
    fl_warn("%.0f rank(s), %s: exit code %.0f: %s (%s)", r->value[FL_STUDY_np], r->rule,
            r->value[FL_STUDY_exit_code], r->message, log);
    if (!s->failed++) {
        s->first_code = (int)r->value[FL_STUDY_exit_code];
        s->first_log = fl_strdup(log);
    }
}

static void say(const fl_study_run *r) {
    char seconds[32], bytes[32];
    printf("%3.0f rank(s)  %-24s run %.0f  %s a step, %.1f samples/s, %s reduced\n",
           r->value[FL_STUDY_np], r->rule, r->value[FL_STUDY_repeat],
           fl_human_seconds(r->value[FL_STUDY_step_seconds], seconds),
           r->value[FL_STUDY_samples_per_second],
           fl_human_bytes(r->value[FL_STUDY_payload_bytes], bytes));
    fflush(stdout);
}

static fl_status launch(const fl_study_conf *c, const fl_study_point_conf *p, int np,
                        const char *run_dir, const char *log, int *code) {
    int n = 0;
    const char **word = fl_alloc((size_t)(p->n + 4) * sizeof *word);
    char *folder = fl_format("--run-dir=%s", run_dir);
    word[n++] = "train";
    word[n++] = c->config;
    for (int i = 0; i < p->n; i++) word[n++] = p->override[i];
    word[n++] = "--progress=none";
    word[n++] = folder;
    fl_launch l = {.hosts = c->hosts, .np = np, .n = n, .word = word, .out = log, .log = log};
    fl_status status = fl_launch_run(&l, code);
    fl_free(folder);
    fl_free(word);
    return status;
}

/* A point that an interruption ended is as if it had never begun. */
static fl_status run_into(fl_study *s, const fl_study_point_conf *p, fl_study_run *r,
                          const char *dir, const char *log) {
    int code = 0;
    char *checkpoints = fl_path_join(dir, "checkpoints");
    fl_status status = fl_remove_tree(dir);
    if (status == FL_OK) status = launch(&s->conf, p, (int)r->value[FL_STUDY_np], dir, log, &code);
    if (status == FL_OK && !fl_process_interrupted()) {
        r->value[FL_STUDY_exit_code] = code;
        if (code || fl_study_measure(dir, r) != FL_OK)
            note_failure(s, r, code, log);
        else
            say(r);
        fl_remove_tree(checkpoints);
        status = fl_study_append(s->jsonl, r);
    }
    fl_free(checkpoints);
    return status;
}

static fl_status run_one(fl_study *s, const fl_study_point_conf *p, const char *key,
                         const char *rule, int repeat) {
    fl_study_run r = fl_study_run_new(key, rule);
    fl_study_predict(p->plan, &r);
    r.value[FL_STUDY_repeat] = repeat;
    char *dir = fl_path_join(s->conf.runs, key), *log = fl_format("%s.log", dir);
    fl_status status = fl_make_dirs(s->conf.runs);
    if (status == FL_OK) status = run_into(s, p, &r, dir, log);
    if (status == FL_OK && !fl_process_interrupted()) {
        fl_study_runs_add(&s->runs, r);
        s->made++;
    } else {
        fl_study_run_close(&r);
    }
    fl_free(dir);
    fl_free(log);
    return status;
}

static void keep(fl_study *s, const char *key) { /* moves what is known to this grid's runs */
    fl_study_run *r = (fl_study_run *)find(&s->known, key);
    fl_study_runs_add(&s->runs, *r);
    *r = fl_study_run_new("", "");
    s->kept++;
}

fl_status fl_study_take(fl_study *s, const char *rule, int np, int repeat) {
    fl_study_point_conf p;
    FL_TRY(fl_study_point_open(&s->conf, rule, np, &p));
    char *key = fl_format("%016llx-np%d-r%d", (unsigned long long)p.hash, np, repeat);
    const fl_study_run *known = find(&s->known, key);
    fl_status status = FL_OK;
    if (known && known->value[FL_STUDY_exit_code] == 0)
        keep(s, key);
    else
        status = run_one(s, &p, key, rule, repeat);
    fl_free(key);
    fl_study_point_close(&p);
    return status;
}
