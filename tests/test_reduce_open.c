/* What is settled about a reduction before step 0. */
#include "check_ranks.h"

#include "frostline/config.h"
#include "frostline/reduce.h"

static int reducer_named(const char *name) {
    int i = 0;
    while (strcmp(fl_reducers_all()[i]->name, name) != 0) i++;
    return i;
}

static void other_buckets_are_refused(void **state) {
    (void)state;
    if (n_ranks == 1) return;
    fl_window *w;
    check(fl_window_open(comm, 8, &w) == FL_OK);
    fl_span buckets[] = {{0, 3}, {3, rank == n_ranks - 1 ? 4 : 5}};
    fl_reduce *r = NULL;
    fl_reduce_conf conf = {0};
    check(fl_reduce_open(comm, &conf, 2, buckets, w, &r) == FL_ERR_DISAGREE && !r);
    check(says("the gradient's buckets") && says("bucket 1: 3+5") && says("bucket 1: 3+4"));
    check(fl_reduce_open(comm, &conf, 1 + (rank == 0), buckets, w, &r) == FL_ERR_DISAGREE && !r);
    fl_window_close(w);
}

static void work_is_for_the_longest_bucket_at_most(void **state) {
    (void)state;
    fl_span buckets[] = {{0, 3}, {3, 70001}, {70004, 64}};
    fl_reduce_conf conf = {.reducer = reducer_named("tree")};
    check(fl_reduce_work(n_ranks, &conf, 3, buckets) == (n_ranks > 1 ? 70001 : 0));
    buckets[2].len = (size_t)1 << 40;
    check(fl_reduce_work(n_ranks, &conf, 3, buckets) == (n_ranks > 1 ? FL_SUM_WORK : 0));
    check(fl_reduce_work(n_ranks, &conf, 0, NULL) == 0);
}

static fl_status parse(const char *text, fl_reduce_conf *conf) {
    fl_config *c;
    check(fl_config_parse("a.yaml", text, 0, NULL, &c) == FL_OK);
    fl_status status = fl_fields_parse(fl_config_section(c, "distributed"), "section 'distributed'",
                                       fl_reduce_fields, NULL, conf);
    if (status != FL_OK) fl_config_check(c);
    fl_config_close(c);
    return status;
}

static void config_chooses_the_reducer(void **state) {
    (void)state;
    fl_reduce_conf conf;
    check(parse("distributed: {}", &conf) == FL_OK);
    check(conf.reducer == reducer_named("overlap") && conf.bucket_mb == 25);
    for (int i = 0; fl_reducers_all()[i]; i++) {
        char *text = fl_format("distributed: {reducer: %s}", fl_reducers_all()[i]->name);
        check(parse(text, &conf) == FL_OK && conf.reducer == i);
        fl_free(text);
    }
    check(parse("distributed: {reducer: overlpa}", &conf) == FL_ERR_CONFIG && says("overlap"));
    check(parse("distributed: {bucket_mb: 0}", &conf) == FL_ERR_CONFIG && says("bucket_mb"));
    check(parse("distributed: {allreduce_dtype: bfloat61}", &conf) == FL_ERR_CONFIG &&
          says("bfloat16"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_buckets_are_refused),
        cmocka_unit_test(work_is_for_the_longest_bucket_at_most),
        cmocka_unit_test(config_chooses_the_reducer),
    };
    return run_on_all_ranks(tests);
}
