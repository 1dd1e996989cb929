/* check_trace FILE RANKS FIRST LAST BUCKETS BYTES BATCHES: whether trace.json is a timeline of
 * these steps: on every rank each step has its events, of BATCHES micro-batches and of buckets of
 * BYTES in all; each event lies within its step; those of one thread nest or do not touch. Prints
 * what is wrong, or the µs that rank 0 spent in `reduce` and `publish`. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/base.h"

typedef struct event {
    const char *name;
    json_int_t rank, thread, step, bytes;
    double begin, end; /* µs */
} event;

static const double rounding = 1e-4; /* µs, of sums that are kept to the nanosecond */
static event *all;
static size_t n_all;
static int wrong;

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition) && ++wrong <= 10) printf(__VA_ARGS__), putchar('\n');                     \
    } while (0)

static event read_event(const json_t *o) {
    json_t *ts = json_object_get(o, "ts"), *dur = json_object_get(o, "dur"),
           *args = json_object_get(o, "args"), *step = json_object_get(args, "step");
    event e = {
        .name = json_string_value(json_object_get(o, "name")),
        .rank = json_integer_value(json_object_get(o, "pid")),
        .thread = json_integer_value(json_object_get(o, "tid")),
        .step = json_integer_value(step),
        .bytes = json_integer_value(json_object_get(args, "payload_bytes")),
        .begin = json_number_value(ts),
        .end = json_number_value(ts) + json_number_value(dur),
    };
    EXPECT(e.name && json_is_number(ts) && json_is_number(dur) && json_is_integer(step),
           "an event lacks a member");
    EXPECT(e.begin >= 0 && e.end >= e.begin, "'%s' has no time", e.name);
    return e;
}

static bool is_named(const json_t *events, const char *what, json_int_t pid, json_int_t tid,
                     const char *name) {
    size_t i;
    json_t *o;
    json_array_foreach(events, i, o) {
        const char *kind = json_string_value(json_object_get(o, "name"));
        const char *given = json_string_value(json_object_get(json_object_get(o, "args"), "name"));
        if (strcmp(json_string_value(json_object_get(o, "ph")), "M") == 0 &&
            strcmp(kind, what) == 0 && json_integer_value(json_object_get(o, "pid")) == pid &&
            json_integer_value(json_object_get(o, "tid")) == tid)
            return strncmp(given, name, strlen(name)) == 0;
    }
    return false;
}

static void read_all(const json_t *events) {
    size_t i;
    json_t *o;
    all = fl_alloc(json_array_size(events) * sizeof *all);
    json_array_foreach(events, i, o) {
        const char *ph = json_string_value(json_object_get(o, "ph"));
        EXPECT(ph && (strcmp(ph, "X") == 0 || strcmp(ph, "M") == 0), "event %zu has no phase", i);
        if (ph && ph[0] == 'X') all[n_all++] = read_event(o);
    }
}

static bool is_bucket(const event *e) {
    return strncmp(e->name, "bucket ", 7) == 0;
}

static void check_names(const json_t *events, int ranks) {
    for (int r = 0; r < ranks; r++) {
        char name[32];
        snprintf(name, sizeof name, "rank %d on ", r);
        EXPECT(is_named(events, "process_name", r, 0, name), "rank %d has no name", r);
    }
    for (size_t i = 0; i < n_all; i++) {
        const event *e = &all[i];
        EXPECT(is_bucket(e) == (e->thread > 0), "'%s' is on thread %d", e->name, (int)e->thread);
        EXPECT(is_named(events, "thread_name", e->rank, e->thread,
                        e->thread ? "communication" : "compute"),
               "thread %d of rank %d has no name", (int)e->thread, (int)e->rank);
    }
}

static int count(int rank, int step, const char *name) {
    int n = 0;
    for (size_t i = 0; i < n_all; i++)
        n += all[i].rank == rank && all[i].step == step && strcmp(all[i].name, name) == 0;
    return n;
}

static const event *find_step(int rank, int step) {
    char name[32];
    snprintf(name, sizeof name, "step %d", step);
    for (size_t i = 0; i < n_all; i++)
        if (all[i].rank == rank && all[i].step == step && strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

static void check_within(const event *step) {
    for (size_t i = 0; i < n_all; i++)
        if (all[i].rank == step->rank && all[i].step == step->step)
            EXPECT(all[i].begin >= step->begin && all[i].end <= step->end + rounding,
                   "rank %d: '%s' reaches out of %s", (int)step->rank, all[i].name, step->name);
}

static void check_buckets(int rank, int step, int buckets, long long bytes) {
    char name[32];
    int n = 0;
    for (int k = 0; k < buckets; k++) {
        snprintf(name, sizeof name, "bucket %d", k);
        EXPECT(count(rank, step, name) == 1, "rank %d, step %d: '%s' is there %d times", rank, step,
               name, count(rank, step, name));
    }
    for (size_t i = 0; i < n_all; i++) {
        if (all[i].rank != rank || all[i].step != step || !is_bucket(&all[i])) continue;
        bytes -= all[i].bytes;
        n++;
    }
    EXPECT(n == buckets, "rank %d, step %d: %d buckets", rank, step, n);
    EXPECT(bytes == 0, "rank %d, step %d: %lld bytes are lacking", rank, step, bytes);
}

static void check_step(int rank, int step, int batches) {
    static const char *const once[] = {"control sums", "update", "publish"};
    static const char *const each[] = {"data", "static", "forward", "backward"};
    const event *whole = find_step(rank, step);
    EXPECT(whole, "rank %d has no step %d", rank, step);
    if (whole) check_within(whole);
    for (size_t i = 0; i < FL_COUNT(once); i++)
        EXPECT(count(rank, step, once[i]) == 1, "rank %d, step %d: '%s' is there %d times", rank,
               step, once[i], count(rank, step, once[i]));
    for (size_t i = 0; i < FL_COUNT(each); i++)
        EXPECT(count(rank, step, each[i]) == batches, "rank %d, step %d: '%s' is there %d times",
               rank, step, each[i], count(rank, step, each[i]));
    EXPECT(count(rank, step, "reduce") >= 1, "rank %d, step %d: no 'reduce'", rank, step);
}

static bool apart(const event *a, const event *b) {
    return a->end <= b->begin + rounding || b->end <= a->begin + rounding;
}
static bool holds(const event *a, const event *b) {
    return a->begin <= b->begin && b->end <= a->end + rounding;
}

static void check_threads(void) {
    for (size_t i = 0; i < n_all; i++)
        for (size_t k = 0; k < i; k++) {
            const event *a = &all[i], *b = &all[k];
            if (a->rank != b->rank || a->thread != b->thread) continue;
            EXPECT(apart(a, b) || holds(a, b) || holds(b, a),
                   "rank %d, thread %d: '%s' and '%s' overlap", (int)a->rank, (int)a->thread,
                   a->name, b->name);
        }
}

static double exposed(void) {
    double sum = 0;
    for (size_t i = 0; i < n_all; i++)
        if (all[i].rank == 0 &&
            (strcmp(all[i].name, "reduce") == 0 || strcmp(all[i].name, "publish") == 0))
            sum += all[i].end - all[i].begin;
    return sum;
}

int main(int argc, char **argv) {
    json_error_t error;
    json_t *root = argc == 8 ? json_load_file(argv[1], 0, &error) : NULL;
    json_t *events = json_object_get(root, "traceEvents");
    if (!json_is_array(events)) return puts("no timeline"), 1;
    int ranks = atoi(argv[2]), first = atoi(argv[3]), last = atoi(argv[4]);
    read_all(events);
    check_names(events, ranks);
    for (int r = 0; r < ranks; r++)
        for (int step = first; step <= last; step++) {
            check_step(r, step, atoi(argv[7]));
            check_buckets(r, step, atoi(argv[5]), atoll(argv[6]));
        }
    for (size_t i = 0; i < n_all; i++)
        EXPECT(all[i].rank < ranks && all[i].step >= first && all[i].step <= last,
               "'%s' of rank %d, step %d was not asked for", all[i].name, (int)all[i].rank,
               (int)all[i].step);
    check_threads();
    printf("%.3f\n", exposed());
    fl_free(all);
    json_decref(root);
    return wrong != 0;
}
