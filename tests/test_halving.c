/* Sums between nodes by halves: the same bits as by direct exchange, the bytes foretold, and few
 * messages. With few ranks the number from which they are halved is lowered; 16 are enough as it
 * stands. */
#include "check_nodes.h"
#include "comm/work.h"

enum { LONG = 700001, ALWAYS = 1, NEVER = 1 << 20 };

/* Sizes around those of lines, of parts that some ranks have none of, and of flights. */
static const fl_span spans[] = {
    {0, 0}, {0, 1}, {3, 1}, {15, 2}, {1, 17}, {7, 1000}, {31, 4097}, {5, 262144}, {13, LONG - 20},
};
enum { SPANS = FL_COUNT(spans) };

/* No two sums of these in different orders are sure to agree. */
static float value(int r, size_t i) {
    uint32_t x = (uint32_t)i * 2654435761U ^ (uint32_t)(r + 1) * 40503U;
    x ^= x >> 15;
    x *= 2246822519U;
    return ((float)(x >> 8) - 8388608.0F) * (float)(1 + x % 1000);
}

static fl_window *filled(void) {
    fl_window *w;
    check(fl_window_open(comm, LONG, &w) == FL_OK);
    for (size_t i = 0; i < LONG; i++) fl_window_floats(w)[i] = value(rank, i);
    return w;
}

static bool equal(const fl_window *a, const fl_window *b, fl_span s) {
    return memcmp(fl_window_floats(a) + s.off, fl_window_floats(b) + s.off, s.len * 4) == 0;
}

/* What this rank has of a sum, by every way to begin one. */
static void compare_span(fl_window *halved, fl_window *direct, fl_span s) {
    fl_window *const both[] = {halved, direct};
    for (int k = 0; k < 2; k++) fl_window_wait(both[k], fl_window_scatter_begin(both[k], s));
    fl_span own = fl_window_owned(halved, s), other = fl_window_owned(direct, s);
    check(own.off == other.off && own.len == other.len);
    check(equal(halved, direct, own));
    for (int k = 0; k < 2; k++) fl_window_wait(both[k], fl_window_gather_begin(both[k], s));
    check(equal(halved, direct, (fl_span){0, LONG}));
    for (int k = 0; k < 2; k++) fl_window_wait(both[k], fl_window_sum_begin(both[k], s));
    check(equal(halved, direct, (fl_span){0, LONG}));
}

static void open_both(fl_window **halved, fl_window **direct) {
    int before = fl_direct_crew;
    fl_direct_crew = NEVER;
    *direct = filled();
    fl_direct_crew = before;
    *halved = filled();
}

static void compare(void) {
    fl_window *halved, *direct;
    open_both(&halved, &direct);
    for (size_t k = 0; k < SPANS; k++) compare_span(halved, direct, spans[k]);
    fl_window_close(halved);
    fl_window_close(direct);
}

static void the_bits_are_those_of_direct_exchange(void **state) {
    (void)state;
    run_on_all_nodes(compare);
}

/* Parts of one span after the other, all under way at once: more flights than there is room for. */
static void begin_many(void) {
    enum { MANY = 9 };
    fl_window *halved, *direct;
    open_both(&halved, &direct);
    fl_window *const both[] = {direct, halved};
    uint64_t number[2][MANY];
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < MANY; i++)
            number[k][i] =
                fl_window_sum_begin(both[k], fl_part_of((fl_span){0, LONG}, (int)i, MANY));
    for (int k = 0; k < 2; k++)
        for (size_t i = MANY; i-- > 0;) fl_window_wait(both[k], number[k][i]);
    check(equal(halved, direct, (fl_span){0, LONG}));
    check(same_everywhere(fl_window_floats(halved), LONG * sizeof(float)));
    fl_window_close(halved);
    fl_window_close(direct);
}

static void many_at_a_time(void **state) {
    (void)state;
    run_on_all_nodes(begin_many);
}

/* ---- what is moved ---- */

typedef uint64_t beginning(fl_window *w, fl_span s);
static const struct {
    beginning *begin;
    fl_window_work work;
    int ways; /* that each number goes between all ranks of a crew */
} works[] = {
    {fl_window_sum_begin, FL_WINDOW_SUM, 2},
    {fl_window_scatter_begin, FL_WINDOW_SCATTER, 1},
    {fl_window_gather_begin, FL_WINDOW_GATHER, 1},
};

static void count(fl_window *w, size_t kind, fl_span s) {
    const fl_seat *at = fl_window_seat(w);
    fl_traffic t = {0}, told = fl_foretell(at, works[kind].work, s);
    fl_comm_count(comm, &t);
    fl_window_wait(w, works[kind].begin(w, s));
    fl_comm_count(comm, NULL);
    check(memcmp(&t, &told, sizeof t) == 0);
    double bytes = (double)t.sent_bytes, ways = works[kind].ways;
    fl_comm_sum_double(comm, &bytes, 1);
    int nodes = fl_comm_nodes(comm), stages = 0;
    if (!fl_crew_halves(nodes)) return;
    for (int n = nodes; n > 1; n /= 2) stages++;
    check(bytes == ways * (nodes - 1) * 4.0 * (double)s.len);
    size_t flights = s.len / ((size_t)nodes * fl_piece_of(nodes)) + 2;
    size_t full = t.sent_bytes / sizeof(float) / FL_LONGEST_MESSAGE;
    check((double)t.messages <= ways * stages * (double)flights + (double)full);
}

static void count_all(void) {
    fl_window *w = filled();
    for (size_t k = 0; k < SPANS; k++)
        for (size_t kind = 0; kind < FL_COUNT(works); kind++) count(w, kind, spans[k]);
    fl_window_close(w);
}

static void bytes_and_messages_are_those_foretold(void **state) {
    (void)state;
    run_on_all_nodes(count_all);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_are_those_of_direct_exchange),
        cmocka_unit_test(many_at_a_time),
        cmocka_unit_test(bytes_and_messages_are_those_foretold),
    };
    open_ranks();
    if (n_ranks <= fl_direct_crew) fl_direct_crew = ALWAYS;
    return close_ranks(cmocka_run_group_tests(tests, NULL, NULL));
}
