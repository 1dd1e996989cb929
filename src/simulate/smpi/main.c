/* frostline-simulate: what smpirun runs as every rank. Arguments: the script, and the file for what
 * came out. */
#include "smpi_internal.h"

static void fail(const char *message) {
    fprintf(stderr, "%s\n", message);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Means over the steps; sums over the ranks. */
static void report(const fl_actor *a, double seconds, const char *path) {
    int steps = a->script->steps;
    fl_traffic told = fl_actor_foretell(a);
    double sums[] = {a->exposed / steps / a->comm.size, (double)a->moved.sent_bytes / steps,
                     (double)a->moved.messages / steps, (double)told.sent_bytes,
                     (double)told.messages};
    MPI_Allreduce(MPI_IN_PLACE, sums, (int)FL_COUNT(sums), MPI_DOUBLE, MPI_SUM, a->comm.world);
    if (a->comm.rank) return;
    char *text = fl_format("{\"step_seconds\":%.9g,\"exposed_seconds\":%.9g,\"sent_bytes\":%.0f,"
                           "\"messages\":%.0f,\"foretold_sent_bytes\":%.0f,"
                           "\"foretold_messages\":%.0f}\n",
                           seconds / steps, sums[0], sums[1], sums[2], sums[3], sums[4]);
    size_t len = 0;
    while (text[len]) len++;
    if (fl_file_write(path, text, len) != FL_OK) fail(fl_message());
    fl_free(text);
}

static void act(const fl_script *s, MPI_Comm ranks, int alarm, const char *path) {
    fl_actor a;
    fl_payload_prepare(fl_actor_room(s), s->memory_bytes_per_second, s->np);
    fl_actor_open(s, ranks, alarm, &a);
    MPI_Barrier(ranks);
    double start = MPI_Wtime();
    for (int i = 0; i < s->steps; i++) fl_actor_step(&a);
    report(&a, MPI_Wtime() - start, path);
    fl_actor_close(&a);
    fl_alarm_close(alarm);
}

/* The second half of the processes are the first half's alarms. */
int main(int argc, char **argv) {
    fl_script s;
    int me;
    MPI_Comm ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &me);
    if (argc != 3) fail("error: wants a script and a file for the outcome");
    if (fl_script_read(argv[1], &s) != FL_OK) fail(fl_message());
    MPI_Comm_split(MPI_COMM_WORLD, me >= s.np, me, &ranks);
    if (me < s.np)
        act(&s, ranks, me + s.np, argv[2]);
    else
        fl_alarm_serve(me - s.np);
    MPI_Comm_free(&ranks);
    fl_script_close(&s);
    MPI_Finalize();
    return 0;
}
