/* frostline slurm: a ready sbatch script. Its second half is that of cluster/run.slurm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/slurm_job.h"

enum { MAX_RULES = 1000 };
#define NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

typedef struct job {
    fl_arguments args;
    const char *nodes, *tasks, *cpus, *time, *notice, *partition, *run_dir; /* as typed */
    int n_nodes, n_tasks, n_cpus, n_notice;
    int n_rules;
    char *rule[MAX_RULES]; /* "NAME:section.key=value", owned */
    char *name, *folder;   /* the experiment's; owned */
    size_t bytes;          /* most that a node holds, over rules and freeze phases */
} job;

/* ---- words ---- */

/* `none` and `until:LAYER` are short for the two rules that most studies want. */
static char *rule_of(const char *word) {
    if (strcmp(word, "none") == 0) return fl_strdup("none:freeze={}");
    if (strncmp(word, "until:", 6) == 0 && !strchr(word, '='))
        return fl_format("until-%s:freeze={until: %s}", word + 6, word + 6);
    size_t len = strspn(word, NAME);
    return len > 0 && word[len] == ':' ? fl_strdup(word) : NULL;
}

static bool name_is_taken(const job *j, const char *rule) {
    size_t len = strcspn(rule, ":") + 1;
    for (int i = 0; i < j->n_rules; i++)
        if (strncmp(j->rule[i], rule, len) == 0) return true;
    return false;
}

static fl_status take_rules(job *j) {
    for (int i = 0; i < j->args.n_words; i++) {
        const char *word = j->args.word[i];
        char *rule = rule_of(word);
        if (!rule)
            return fl_fail(FL_ERR_CONFIG,
                           "'%s' is no rule of an array; write none, until:LAYER or "
                           "NAME:section.key=value, with letters, digits, '.', '_', '-' in NAME",
                           word);
        bool taken = name_is_taken(j, rule);
        j->rule[j->n_rules++] = rule;
        if (taken)
            return fl_fail(FL_ERR_CONFIG, "rule '%s': another has that name, and so that folder",
                           word);
    }
    return FL_OK;
}

static fl_status take_count(const char *option, const char *text, int most, int *out) {
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || n < 1 || n > most)
        return fl_fail(FL_ERR_CONFIG, "option '--%s' cannot be '%s'; it is a number from 1 to %d",
                       option, text, most);
    *out = (int)n;
    return FL_OK;
}

/* What goes into a directive as it is. */
static fl_status check_plain(const char *option, const char *text, const char *allowed,
                             const char *example) {
    if (!text || (text[0] && text[strspn(text, allowed)] == '\0')) return FL_OK;
    return fl_fail(FL_ERR_CONFIG, "option '--%s' cannot be '%s'; write it like %s", option, text,
                   example);
}

static fl_status take_options(job *j) {
    FL_TRY(fl_cli_need_config("slurm", &j->args));
    FL_TRY(take_count("nodes", j->nodes, 100000, &j->n_nodes));
    FL_TRY(take_count("tasks-per-node", j->tasks, 4096, &j->n_tasks));
    FL_TRY(take_count("cpus-per-task", j->cpus, 4096, &j->n_cpus));
    FL_TRY(take_count("notice", j->notice, 65535, &j->n_notice));
    FL_TRY(check_plain("time", j->time, "0123456789:-", "90 (minutes), 4:00:00 or 2-12:00:00"));
    FL_TRY(check_plain("partition", j->partition, NAME ",", "short or short,long"));
    return take_rules(j);
}

/* ---- memory ---- */

static fl_status plan_phase(const fl_cli *cli, int phase, job *j) {
    fl_plan *p;
    FL_TRY(fl_experiment_plan(cli->x, phase, j->n_nodes * j->n_tasks, &p));
    fl_status status = fl_cli_plan_features(cli, phase, p);
    size_t bytes = fl_plan_memory_per_rank(p) * (size_t)j->n_tasks + fl_plan_memory_per_node(p);
    if (bytes > j->bytes) j->bytes = bytes;
    fl_plan_close(p);
    return status;
}

static fl_status plan_experiment(const fl_cli *cli, job *j) {
    fl_status status = FL_OK;
    if (!j->name) j->name = fl_strdup(cli->x->run.name);
    if (!j->folder) j->folder = fl_path_join(cli->x->run.output_dir, cli->x->run.name);
    for (int i = 0; i < fl_freeze_phases(cli->x->freeze) && status == FL_OK; i++)
        status = plan_phase(cli, i, j);
    return status;
}

/* The config as a task of the job will read it: with the rule (or NULL) behind the overrides. */
static fl_status plan_rule(job *j, const char *rule) {
    fl_cli cli = {0};
    int n = j->args.n_overrides;
    const char **override = fl_alloc((size_t)(n + 1) * sizeof *override);
    for (int i = 0; i < n; i++) override[i] = j->args.override[i];
    if (rule) override[n++] = strchr(rule, ':') + 1;
    fl_status status = fl_config_open(j->args.config, n, override, &cli.config);
    if (status == FL_OK) status = fl_experiment_open(cli.config, &cli.x);
    if (status == FL_OK) status = plan_experiment(&cli, j);
    fl_cli_close(&cli);
    fl_free(override);
    return status;
}

static fl_status plan_rules(job *j) {
    if (j->n_rules == 0) return plan_rule(j, NULL);
    for (int i = 0; i < j->n_rules; i++) FL_TRY(plan_rule(j, j->rule[i]));
    return FL_OK;
}

/* ---- the script ---- */

static void print_quoted(const char *s) {
    putchar('\'');
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*s);
    putchar('\'');
}

/* A name with blanks would end its directive. */
static void print_job_name(const char *s) {
    printf("#SBATCH --job-name=");
    for (; *s; s++) putchar(strchr(NAME, *s) ? *s : '_');
    putchar('\n');
}

/* MPI's buffers and the pages of files that were read count too where Slurm holds a job to its
 * memory. */
static size_t mebibytes(size_t bytes) {
    size_t mib = (bytes >> 20) + 1, spare = mib / 4;
    return mib + (spare > 256 ? spare : 256);
}

static void print_directives(const job *j) {
    print_job_name(j->name);
    if (j->partition) printf("#SBATCH --partition=%s\n", j->partition);
    if (j->n_rules > 0) printf("#SBATCH --array=0-%d\n", j->n_rules - 1);
    printf("#SBATCH --nodes=%d\n", j->n_nodes);
    printf("#SBATCH --ntasks-per-node=%d\n", j->n_tasks);
    printf("#SBATCH --cpus-per-task=%d\n", j->n_cpus);
    printf("#SBATCH --mem=%zuM\n", mebibytes(j->bytes));
    printf("#SBATCH --time=%s\n", j->time);
    printf("#SBATCH --signal=B:USR1@%d\n", j->n_notice);
    printf("#SBATCH --requeue\n#SBATCH --open-mode=append\n");
    printf("#SBATCH --output=%s.log\n", j->n_rules > 0 ? "%x-%A_%a" : "%x-%j");
}

static void print_arguments(const job *j) {
    printf("set -- ");
    print_quoted(j->args.config);
    for (int i = 0; i < j->args.n_overrides + j->n_rules; i++) {
        int rule = i - j->args.n_overrides;
        printf(" \\\n    ");
        print_quoted(rule < 0 ? j->args.override[i] : j->rule[rule]);
    }
    printf("\nruns=");
    print_quoted(j->run_dir ? j->run_dir : j->folder);
    puts(j->run_dir ? "\n" : "-${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\n");
}

static void print_script(const job *j) {
    char planned[32];
    printf(
        "#!/usr/bin/env bash\n"
        "# Submit it with sbatch from the folder that the paths below start from. By its plan the "
        "run takes\n# %s of memory on each node; the job asks for that and some spare. A run that "
        "is asked to stop goes\n# on when it is requeued.\n",
        fl_human_bytes((double)j->bytes, planned));
    print_directives(j);
    print_arguments(j);
    fputs(fl_slurm_job, stdout);
}

fl_status fl_cli_slurm(fl_comm *c, int argc, char **argv) {
    (void)c;
    job j = {.nodes = "1", .tasks = "1", .cpus = "1", .time = "04:00:00", .notice = "120"};
    const fl_option options[] = {
        {"nodes", &j.nodes, NULL, NULL},        {"tasks-per-node", &j.tasks, NULL, NULL},
        {"cpus-per-task", &j.cpus, NULL, NULL}, {"time", &j.time, NULL, NULL},
        {"notice", &j.notice, NULL, NULL},      {"partition", &j.partition, NULL, NULL},
        {"run-dir", &j.run_dir, NULL, NULL},    {NULL, NULL, NULL, NULL},
    };
    fl_status status = fl_arguments_parse(argc, argv, options, MAX_RULES, &j.args);
    if (status == FL_OK) status = take_options(&j);
    if (status == FL_OK) status = plan_rules(&j);
    if (status == FL_OK) print_script(&j);
    for (int i = 0; i < j.n_rules; i++) fl_free(j.rule[i]);
    fl_free(j.name);
    fl_free(j.folder);
    fl_arguments_close(&j.args);
    return status;
}
