/* What the ranks tell each other about errors and differences. */
#include "check_ranks.h"

/* ---- agreement ---- */

static fl_status kind_of(int r) {
    static const fl_status kinds[] = {FL_ERR_CONFIG, FL_ERR_INPUT, FL_ERR_IO, FL_ERR_NONFINITE};
    return kinds[r % 4];
}

static void one_rank_fails_all(void **state) {
    (void)state;
    for (int mask = 1; mask < 1 << n_ranks; mask++) {
        int lowest = __builtin_ctz((unsigned)mask);
        fl_status mine = FL_OK;
        fl_fail(FL_ERR_INTERNAL, "stale");
        if (mask >> rank & 1) mine = fl_fail(kind_of(rank), "%s of %d", "the trouble", rank);
        check(fl_comm_agree(comm, mine) == kind_of(lowest));
        char *want = n_ranks > 1 ? fl_format("error: rank %d: the trouble of %d", lowest, lowest)
                                 : fl_strdup("error: the trouble of 0");
        check(strcmp(fl_message(), want) == 0);
        check(fl_comm_agree(comm, kind_of(lowest)) == kind_of(lowest)); /* the same once more */
        check(strcmp(fl_message(), want) == 0);
        fl_free(want);
    }
}

static void all_well(void **state) {
    (void)state;
    check(fl_comm_agree(comm, FL_OK) == FL_OK);
}

static void shared_trouble_names_no_rank(void **state) {
    (void)state;
    check(fl_comm_agree(comm, fl_fail(FL_ERR_INPUT, "no file 'x'")) == FL_ERR_INPUT);
    check(strcmp(fl_message(), "error: no file 'x'") == 0);
}

static void message_with_a_place_stays(void **state) {
    (void)state;
    fl_status mine = FL_OK;
    if (rank == n_ranks - 1) mine = fl_fail_text(FL_ERR_CONFIG, "a.yaml:3:1: error: what");
    check(fl_comm_agree(comm, mine) == FL_ERR_CONFIG);
    check(strcmp(fl_message(), "a.yaml:3:1: error: what") == 0);
}

/* ---- the same on all? ---- */

static void texts_alike(void **state) {
    (void)state;
    check(fl_comm_same_text(comm, "the config", "") == FL_OK);
    check(fl_comm_same_text(comm, "the config", "a: 1\nb: 2\n") == FL_OK);
}

static void odd_text_is_found(void **state) {
    (void)state;
    for (int odd = 0; odd < n_ranks && n_ranks > 1; odd++) {
        const char *text = rank == odd ? "a: 1\nb: 3\nc: 4\n" : "a: 1\nb: 2\nc: 5\n";
        check(fl_comm_same_text(comm, "the config", text) == FL_ERR_DISAGREE);
        check(says("disagree on the config") && says("line 2\n"));
        check(says(odd ? "rank 0: b: 2" : "rank 0: b: 3"));
        int shown = odd ? odd : 1;
        char *other = fl_format("rank %d: b: %d", shown, odd ? 3 : 2);
        char *who = odd || n_ranks == 2 ? fl_format("rank %d differ", shown)
                                        : fl_format("ranks 1-%d differ", n_ranks - 1);
        check(says(other) && says(who) && same_everywhere(fl_message(), strlen(fl_message())));
        fl_free(other);
        fl_free(who);
    }
}

static void text_that_ends_early(void **state) {
    (void)state;
    if (n_ranks == 1) return;
    bool last = rank == n_ranks - 1;
    check(fl_comm_same_text(comm, "x", last ? "one\n" : "one\ntwo") == FL_ERR_DISAGREE);
    check(says("line 2") && says("rank 0: two"));
    check(fl_comm_same_text(comm, "x", last ? "one" : "one\ntwo") == FL_ERR_DISAGREE);
    check(says("line 2") && says("(ends before this line)"));
    char *longer = fl_format("%0500d", last);
    check(fl_comm_same_text(comm, "x", longer) == FL_ERR_DISAGREE);
    check(says("…") && strlen(fl_message()) < 700);
    fl_free(longer);
}

static void many_odd_ranks_are_shortened(void **state) {
    (void)state;
    if (n_ranks < 5) return;
    check(fl_comm_same_text(comm, "x", rank == 1 || rank > 2 ? "b" : "a") == FL_ERR_DISAGREE);
    char *who = fl_format("ranks 1, 3-%d differ", n_ranks - 1);
    check(says(who));
    fl_free(who);
}

static void hashes_are_compared_by_name(void **state) {
    (void)state;
    static const char *const names[] = {"conv.weight", "conv.bias", "fc.weight"};
    uint64_t h[] = {11, 12, 13};
    check(fl_comm_same_hashes(comm, "weights", 3, names, h) == FL_OK);
    check(fl_comm_same_hashes(comm, "weights", 0, NULL, NULL) == FL_OK);
    for (int odd = 1; odd < n_ranks; odd++)
        for (int k = 0; k < 3; k++) {
            uint64_t mine[] = {11, 12, 13};
            for (int j = k; j < 3 && rank == odd; j++) mine[j]++;
            check(fl_comm_same_hashes(comm, "weights", 3, names, mine) == FL_ERR_DISAGREE);
            char *who = fl_format("'%s' on rank %d is not", names[k], odd);
            check(says(who) && says("disagree on weights"));
            fl_free(who);
        }
}

static void counts_are_compared_too(void **state) {
    (void)state;
    static const char *const names[] = {"conv.weight", "conv.bias", "fc.weight"};
    static const uint64_t h[] = {11, 12, 13};
    if (n_ranks == 1) return;
    bool last = rank == n_ranks - 1;
    check(fl_comm_same_hashes(comm, "weights", last ? 2 : 3, names, h) == FL_ERR_DISAGREE);
    check(says("rank 0 has 'fc.weight', which") && says("rank 0 has 3"));
    check(fl_comm_same_hashes(comm, "weights", last ? 3 : 1, names, h) == FL_ERR_DISAGREE);
    check(says("has 'conv.bias', which rank 0 lacks"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rank_fails_all),
        cmocka_unit_test(all_well),
        cmocka_unit_test(shared_trouble_names_no_rank),
        cmocka_unit_test(message_with_a_place_stays),
        cmocka_unit_test(texts_alike),
        cmocka_unit_test(odd_text_is_found),
        cmocka_unit_test(text_that_ends_early),
        cmocka_unit_test(many_odd_ranks_are_shortened),
        cmocka_unit_test(hashes_are_compared_by_name),
        cmocka_unit_test(counts_are_compared_too),
    };
    return run_on_all_ranks(tests);
}
