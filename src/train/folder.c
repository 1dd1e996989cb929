/* The run's folder: which one, what stands in it before step 0, and its status. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frostline/checkpoint.h"
#include "frostline/log.h"
#include "train/run.h"

char *fl_run_path(const fl_run *r, const char *name) {
    return fl_path_join(r->dir, name);
}

static const char *job_id(void) {
    const char *job = getenv("SLURM_JOB_ID");
    return job && job[0] ? job : NULL;
}

/* Only a requeued job goes on by itself: within one job several runs may be started. */
static bool was_requeued(void) {
    const char *count = getenv("SLURM_RESTART_COUNT");
    return count && atoi(count) > 0;
}

static char *new_folder_name(const fl_experiment *x) {
    char now[32];
    time_t t = time(NULL);
    struct tm local;
    strftime(now, sizeof now, "%Y%m%d-%H%M%S", localtime_r(&t, &local));
    const char *job = job_id();
    return fl_format("%s/%s/%s%s%s", x->run.output_dir, x->run.name, now, job ? "-" : "",
                     job ? job : "");
}

/* Two runs that start in the same second get folders of their own. */
static char *free_folder(const fl_experiment *x) {
    char *first = new_folder_name(x), *name = fl_strdup(first);
    for (int i = 2; fl_exists(name); i++) {
        fl_free(name);
        name = fl_format("%s.%d", first, i);
    }
    fl_free(first);
    return name;
}

/* Its checkpoints count even where someone moved them without the rest. */
static bool has_run(const char *dir) {
    char *status = fl_path_join(dir, "status.json"),
         *checkpoints = fl_path_join(dir, "checkpoints"), *newest = NULL;
    int64_t step;
    bool yes = fl_exists(status);
    if (!yes && fl_is_dir(checkpoints))
        yes = fl_checkpoint_newest(checkpoints, &newest, &step) == FL_OK && newest;
    fl_free(newest);
    fl_free(checkpoints);
    fl_free(status);
    return yes;
}

static bool ends_in_job(const char *name, const char *job) {
    const char *dash = strrchr(name, '-');
    return !job || (dash && strcmp(dash + 1, job) == 0);
}

/* The newest run in the experiment's folder (of this job, where `job` is given); NULL if none.
 * Names sort by time. */
static char *newest_run(const fl_experiment *x, const char *job) {
    char *parent = fl_path_join(x->run.output_dir, x->run.name), *best = NULL;
    DIR *dir = opendir(parent);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !ends_in_job(e->d_name, job)) continue;
        char *path = fl_path_join(parent, e->d_name);
        bool newer = has_run(path) && (!best || strcmp(path, best) > 0);
        if (newer) fl_free(best);
        if (newer)
            best = path;
        else
            fl_free(path);
    }
    if (dir) closedir(dir);
    fl_free(parent);
    return best;
}

/* By the user's word; else, for a job that was requeued, the folder it had before; else a new one.
 */
static char *choose_folder(const fl_run *r) {
    const fl_train_options *o = r->options;
    bool asked = o->resume != NULL, automatic = r->x->checkpoint.resume == 0;
    if (asked && strcmp(o->resume, "auto") != 0) return fl_strdup(o->resume);
    if (o->run_dir) return fl_strdup(o->run_dir);
    char *found = NULL;
    if (asked) found = newest_run(r->x, NULL);
    if (!asked && automatic && job_id() && was_requeued()) found = newest_run(r->x, job_id());
    return found ? found : free_folder(r->x);
}

static bool was_finished(const fl_run *r) {
    char *path = fl_run_path(r, "status.json");
    json_t *status = json_load_file(path, 0, NULL);
    const char *state = json_string_value(json_object_get(status, "state"));
    json_int_t epoch = json_integer_value(json_object_get(status, "epoch"));
    bool done = state && strcmp(state, "finished") == 0 && epoch >= r->x->train.epochs;
    json_decref(status);
    fl_free(path);
    return done;
}

static fl_status continue_run(fl_run *r) {
    if (!r->options->resume && r->x->checkpoint.resume != 0)
        return fl_fail(
            FL_ERR_CONFIG,
            "'%s' already holds a run; continue it with --resume, or choose another --run-dir",
            r->dir);
    FL_TRY(fl_run_same_config(r));
    if (was_finished(r)) {
        r->finished = true;
        return FL_OK;
    }
    char *checkpoints = fl_run_path(r, "checkpoints");
    int64_t step;
    fl_status status = fl_checkpoint_newest(checkpoints, &r->checkpoint, &step);
    fl_free(checkpoints);
    if (status == FL_OK && r->checkpoint)
        fl_note("continuing '%s' from step %lld", r->dir, (long long)step);
    return status;
}

/* What is there is looked at once more behind the lock: who had it may have begun or ended a run.
 */
static fl_status choose(fl_run *r) {
    r->dir = choose_folder(r);
    const char *resume = r->options->resume;
    bool there = has_run(r->dir);
    if (!there && resume && strcmp(resume, "auto") != 0)
        return fl_fail(
            FL_ERR_CONFIG,
            "there is no run in '%s' to resume; name a run's folder, such as runs/NAME/TIME",
            r->dir);
    if (!there && resume) fl_note("there is no run to resume; starting a new one");
    FL_TRY(fl_make_dirs(r->dir));
    FL_TRY(fl_run_lock(r));
    return has_run(r->dir) ? continue_run(r) : FL_OK;
}

/* Rank 0's string to all; NULL stays NULL. */
static void share_text(fl_comm *c, char **text) {
    int64_t len = *text ? (int64_t)strlen(*text) : -1;
    fl_comm_bcast(c, &len, sizeof len, 0);
    if (len < 0) return;
    if (!*text) *text = fl_alloc((size_t)len + 1);
    fl_comm_bcast(c, *text, (size_t)len + 1, 0);
}

fl_status fl_run_find_folder(fl_run *r) {
    FL_TRY(fl_comm_agree(r->c, fl_comm_rank(r->c) == 0 ? choose(r) : FL_OK));
    share_text(r->c, &r->dir);
    share_text(r->c, &r->checkpoint);
    fl_comm_bcast(r->c, &r->finished, sizeof r->finished, 0);
    return FL_OK;
}

static fl_status write_text(const fl_run *r, const char *name, const char *text) {
    char *path = fl_run_path(r, name);
    fl_status status = fl_file_replace(path, text, strlen(text));
    fl_free(path);
    return status;
}

static fl_status write_owned(const fl_run *r, const char *name, char *text) {
    fl_status status = write_text(r, name, text);
    fl_free(text);
    return status;
}

static void set_clean(json_t *o, const char *key, const char *text) {
    char *clean = fl_utf8_repair(text);
    json_object_set_new(o, key, json_string(clean));
    fl_free(clean);
}

static char *environment_json(const fl_run *r) {
    int n;
    const char *const(*fact)[2] = fl_environment(r->c, &n);
    json_t *o = json_object();
    json_object_set_new(o, "ranks", json_integer(fl_comm_size(r->c)));
    json_object_set_new(o, "nodes", json_integer(fl_comm_nodes(r->c)));
    if (r->options->command) set_clean(o, "command", r->options->command);
    for (int i = 0; i < n; i++) json_object_set_new(o, fact[i][0], json_string(fact[i][1]));
    char *raw = json_dumps(o, JSON_INDENT(2)), *text = fl_format("%s\n", raw);
    json_decref(o);
    fl_free(raw);
    return text;
}

fl_status fl_run_describe(const fl_run *r) {
    FL_TRY(write_text(r, "config.yaml", fl_config_source(r->x->config)));
    FL_TRY(write_owned(r, "config.resolved.yaml", fl_config_text(r->x->config)));
    FL_TRY(write_owned(r, "summary.txt", fl_summary_text(r->s->plan, r->x->optim.ops->name, 100)));
    return write_owned(r, "env.json", environment_json(r));
}

fl_status fl_run_set_status(const fl_run *r, const char *state, fl_status status,
                            const char *message) {
    json_t *o = json_object();
    json_object_set_new(o, "state", json_string(state));
    json_object_set_new(o, "exit_code", json_integer(status));
    json_object_set_new(o, "epoch", json_integer(r->last.epoch));
    json_object_set_new(o, "step", json_integer(r->at.step));
    json_object_set_new(o, "epochs", json_integer(r->x->train.epochs));
    set_clean(o, "message", message); /* it may name a file whose name is no text */
    char *raw = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    return write_owned(r, "status.json", raw);
}
