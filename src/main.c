/* frostline: arguments → command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "frostline/log.h"

static char *join(int argc, char **argv) {
    fl_text t = {0};
    for (int i = 0; i < argc; i++) fl_text_add(&t, "%s%s", i ? " " : "", i ? argv[i] : "frostline");
    return t.s;
}

static fl_status run(fl_comm *c, const fl_command *command, int argc, char **argv) {
    if (command->collective) return command->run(c, argc, argv);
    return fl_comm_agree(c, fl_comm_rank(c) == 0 ? command->run(c, argc, argv) : FL_OK);
}

/* Ranks with other commands would wait for each other; what decides which collectives they make is
 * compared before. */
static fl_status same_command(fl_comm *c, const char *name, int argc, char **argv) {
    fl_text t = {0};
    fl_text_add(&t, "%s", name);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--dry-run") == 0) fl_text_add(&t, " --dry-run");
    fl_status status = fl_comm_same_text(c, "command", t.s);
    fl_free(t.s);
    return status;
}

static fl_status dispatch(fl_comm *c, int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "help";
    char *help[] = {(char *)"help", (char *)name, NULL};
    bool wants_help = false;
    for (int i = 2; i < argc; i++) wants_help |= strcmp(argv[i], "--help") == 0;
    if (strcmp(name, "--version") == 0) {
        if (fl_comm_rank(c) == 0) puts("frostline " FROSTLINE_VERSION);
        return FL_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    const fl_command *command = fl_command_find(name);
    FL_TRY(fl_comm_agree(c, command ? FL_OK : fl_command_unknown(name)));
    FL_TRY(same_command(c, wants_help ? "help" : name, argc, argv));
    if (wants_help) return run(c, fl_command_find("help"), 2, help);
    return run(c, command, argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
}

int main(int argc, char **argv) {
    fl_comm *c = NULL;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    fl_status status = fl_comm_open(&c);
    if (status == FL_OK) {
        fl_cli_command_line = join(argc, argv);
        status = dispatch(c, argc, argv);
        fl_free(fl_cli_command_line);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == FL_OK)
        status = fl_fail(FL_ERR_IO, "cannot write to the standard output");
    if (status != FL_OK && (!c || fl_comm_rank(c) == 0)) fprintf(stderr, "%s\n", fl_message());
    fl_comm_close(c);
    return status;
}
