/* checkpoint: folders are whole or not there; a failure leaves what was there before. */
#include <signal.h>
#include <sys/resource.h>

#include "checkpoint_unit.h"

/* ---- saving ---- */

static void a_saved_checkpoint_is_whole(void **state) {
    (void)state;
    saved(20);
    assert_int_equal(fl_checkpoint_verify(in_dir("step-20")), FL_OK);
    assert_content("step-20/model.safetensors", "model of step 20");
    assert_content("step-20/state.json", "");
    assert_link("latest", "step-20");
    assert_gone(".step-20.tmp");
    assert_newest(FL_OK, 20, NULL);
}

static void the_newest_is_by_number(void **state) {
    (void)state;
    assert_newest(FL_OK, -1, NULL); /* not even the folder is there */
    saved(0);
    saved(100);
    saved(9);
    assert_link("latest", "step-9");
    assert_newest(FL_OK, 100, NULL);
}

static void what_is_no_checkpoint_is_passed_over(void **state) {
    (void)state;
    static const char *const names[] = {
        "step-",        "step-030",     "step-3x",
        "step--1",      "step-+30",     "step-30.copy",
        ".step-30.tmp", ".step-30.old", "step-99999999999999999999"};
    saved(2);
    for (size_t i = 0; i < FL_COUNT(names); i++)
        assert_int_equal(fl_make_dirs(in_dir(names[i])), FL_OK);
    put("step-31", "a file");
    assert_newest(FL_OK, 2, NULL);
}

static void a_step_can_be_saved_again(void **state) {
    (void)state;
    saved(5);
    saved(10);
    put("step-10/model.safetensors", "damaged");
    saved(10);
    assert_content("step-10/model.safetensors", "model of step 10");
    assert_newest(FL_OK, 10, NULL);
    assert_gone(".step-10.old");
    assert_gone(".step-10.tmp");
}

static void rests_of_a_crash_are_no_hindrance(void **state) {
    (void)state;
    assert_int_equal(fl_make_dirs(in_dir(".step-10.tmp/sub")), FL_OK);
    assert_int_equal(fl_make_dirs(in_dir(".step-10.old/sub")), FL_OK);
    put(".step-10.tmp/surplus", "rest");
    assert_int_equal(symlink("nowhere", in_dir(".link-latest.tmp")), 0);
    saved(10);
    assert_gone("step-10/surplus");
    assert_gone("step-10/sub");
    assert_gone(".step-10.old");
    assert_int_equal(fl_make_dirs(in_dir(".step-10.old/sub")), FL_OK);
    saved(10); /* once more, with a step-10 in place */
    assert_gone(".step-10.old");
    assert_newest(FL_OK, 10, NULL);
}

static fl_status write_some_and_fail(const char *path, void *context) {
    FL_TRY(fl_file_write(path, "some", 4));
    return fl_fail(FL_ERR_IO, "%s", (const char *)context);
}

/* After a save that failed, everything is as it was. */
static void assert_as_before(void) {
    assert_gone(".step-20.tmp");
    assert_gone(".step-20.old");
    assert_link("latest", "step-20");
    assert_content("step-20/model.safetensors", "model of step 20");
    assert_newest(FL_OK, 20, NULL);
}

static void a_failing_write_leaves_the_earlier_checkpoint(void **state) {
    (void)state;
    saved(20);
    static char text[] = "new", reason[] = "no space left on moon";
    fl_checkpoint_file files[] = {{"model.safetensors", write_text, text},
                                  {"state.json", write_some_and_fail, reason}};
    for (int64_t step = 20; step <= 30; step += 10) {
        assert_int_equal(fl_checkpoint_save(dir, step, 2, files), FL_ERR_IO);
        assert_string_equal(fl_message(), "error: no space left on moon");
        assert_as_before();
        assert_gone("step-30");
        assert_gone(".step-30.tmp");
    }
}

/* A file-size limit stands for a full disk: a file of the run hits it, or the manifest does. */
static void a_full_disk_leaves_the_earlier_checkpoint(void **state) {
    (void)state;
    saved(20);
    struct rlimit old, small = {64, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    char large[256];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const char *texts[] = {large, "small"}, *fails[] = {"model.safetensors", "manifest.json"};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        fl_status status = save(30, texts[i]);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(status, FL_ERR_IO);
        assert_message("File too large", fails[i]);
        assert_gone("step-30");
        assert_gone(".step-30.tmp");
        assert_as_before();
    }
    signal(SIGXFSZ, handler);
}

static void a_place_that_cannot_be_written(void **state) {
    (void)state;
    assert_int_equal(fl_file_write(dir, "a file", 6), FL_OK);
    assert_int_equal(save(1, "text"), FL_ERR_IO);
    assert_message(dir, NULL);
}

static fl_status write_no_file(const char *path, void *context) {
    (void)path;
    (void)context;
    return FL_OK;
}

static void a_file_that_was_not_written(void **state) {
    (void)state;
    saved(20);
    fl_checkpoint_file file = {"model.safetensors", write_no_file, NULL};
    assert_int_equal(fl_checkpoint_save(dir, 30, 1, &file), FL_ERR_IO);
    assert_message("model.safetensors", "No such file");
    assert_as_before();
}

/* ---- links and pruning ---- */

static void links_are_replaced(void **state) {
    (void)state;
    saved(10);
    saved(20);
    assert_int_equal(fl_checkpoint_link(dir, "best", 10), FL_OK);
    assert_link("best", "step-10");
    assert_int_equal(fl_checkpoint_link(dir, "best", 20), FL_OK);
    assert_link("best", "step-20");
    assert_int_equal(fl_checkpoint_link(dir, "best", 30), FL_ERR_INPUT);
    assert_message("step-30", dir);
    assert_link("best", "step-20");
    assert_gone(".link-best.tmp");
}

static void a_folder_in_a_links_place_stays(void **state) {
    (void)state;
    saved(10);
    assert_int_equal(fl_make_dirs(in_dir("best/mine")), FL_OK);
    assert_int_equal(fl_checkpoint_link(dir, "best", 10), FL_ERR_IO);
    assert_message(in_dir("best"), NULL);
    assert_there("best/mine");
    assert_gone(".link-best.tmp");
}

static void pruning_keeps_the_newest_and_the_linked(void **state) {
    (void)state;
    for (int64_t step = 1; step <= 12; step++) saved(step);
    assert_int_equal(fl_checkpoint_link(dir, "best", 3), FL_OK);
    put("notes.txt", "mine");
    assert_int_equal(fl_checkpoint_prune(dir, 2), FL_OK);
    for (int64_t step = 1; step <= 12; step++) {
        char name[32];
        snprintf(name, sizeof name, "step-%lld", (long long)step);
        if (step == 3 || step >= 11)
            assert_int_equal(fl_checkpoint_verify(in_dir(name)), FL_OK);
        else
            assert_gone(name);
    }
    assert_there("notes.txt");
    assert_int_equal(fl_checkpoint_prune(dir, 0), FL_OK);
    assert_there("step-3");
    assert_there("step-12");
    assert_gone("step-11");
    assert_int_equal(fl_checkpoint_prune(scratch_path("absent"), 1), FL_OK);
}

static void pruning_removes_the_rests_of_a_crash(void **state) {
    (void)state;
    saved(10);
    assert_int_equal(fl_make_dirs(in_dir(".step-11.tmp/sub")), FL_OK);
    assert_int_equal(fl_make_dirs(in_dir(".step-10.old/sub")), FL_OK);
    assert_int_equal(symlink("step-10", in_dir(".link-best.tmp")), 0);
    assert_int_equal(fl_checkpoint_prune(dir, 1), FL_OK);
    assert_gone(".step-11.tmp");
    assert_gone(".step-10.old");
    assert_gone(".link-best.tmp");
    assert_newest(FL_OK, 10, NULL);
}

/* A crash between the two renames of a save over an earlier step-10. */
static void pruning_brings_back_what_was_put_aside(void **state) {
    (void)state;
    saved(5);
    saved(10);
    assert_int_equal(rename(in_dir("step-10"), in_dir(".step-10.old")), 0);
    assert_newest(FL_OK, 5, NULL);
    assert_int_equal(fl_checkpoint_prune(dir, 2), FL_OK);
    assert_newest(FL_OK, 10, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CHECKPOINT_TEST(a_saved_checkpoint_is_whole),
        CHECKPOINT_TEST(the_newest_is_by_number),
        CHECKPOINT_TEST(what_is_no_checkpoint_is_passed_over),
        CHECKPOINT_TEST(a_step_can_be_saved_again),
        CHECKPOINT_TEST(rests_of_a_crash_are_no_hindrance),
        CHECKPOINT_TEST(a_failing_write_leaves_the_earlier_checkpoint),
        CHECKPOINT_TEST(a_full_disk_leaves_the_earlier_checkpoint),
        CHECKPOINT_TEST(a_place_that_cannot_be_written),
        CHECKPOINT_TEST(a_file_that_was_not_written),
        CHECKPOINT_TEST(links_are_replaced),
        CHECKPOINT_TEST(a_folder_in_a_links_place_stays),
        CHECKPOINT_TEST(pruning_keeps_the_newest_and_the_linked),
        CHECKPOINT_TEST(pruning_removes_the_rests_of_a_crash),
        CHECKPOINT_TEST(pruning_brings_back_what_was_put_aside),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
