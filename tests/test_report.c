/* What a run says and leaves behind: files that read back, lines that no resuming tells twice, a
 * console that cleans up after itself. */
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

#include "report/console.h"
#include "report/text.h"
#include "report_fixture.h"

static json_t *json_line(const char *text, int line) {
    while (line--) text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, (size_t)(strchr(text, '\n') - text), 0, NULL);
    assert_true(json_is_object(o));
    return o;
}

/* ---- the files ---- */

static void test_lines_hold_the_values(void **state) {
    (void)state;
    fl_report *r = open_report(false, 0);
    fl_report_event(r, "{\"event\":\"start\",\n \"np\": 4}");
    run(r, 1, 1, 5);
    fl_report_close(r);
    char *text = contents("metrics.jsonl");
    assert_int_equal(count(text, "\n"), 1 + 11 + 1);
    json_t *step = json_line(text, 1), *epoch = json_line(text, 12);
    fl_step_record s = step_of(10);
    assert_true(json_real_value(json_object_get(step, "loss")) == s.loss); /* to the last bit */
    assert_true(json_real_value(json_object_get(step, "seconds")) == s.seconds);
    assert_int_equal(json_integer_value(json_object_get(step, "step")), 10);
    static const char *const keys[] = {"event",
                                       "epoch",
                                       "step",
                                       "loss",
                                       "accuracy",
                                       "val_loss",
                                       "val_accuracy",
                                       "seconds",
                                       "samples_per_second",
                                       "payload_bytes",
                                       "unfrozen_payload_bytes",
                                       "wire_bytes",
                                       "time"};
    for (size_t i = 0; i < FL_COUNT(keys); i++) assert_non_null(json_object_get(epoch, keys[i]));
    fl_epoch_record e = epoch_of(1, 5);
    assert_true(json_real_value(json_object_get(epoch, "learning_rate")) == e.learning_rate);
    assert_int_equal(json_integer_value(json_object_get(epoch, "unfrozen_payload_bytes")),
                     7827149400);
    assert_true(json_is_null(json_object_get(epoch, "val_top5_accuracy")));
    assert_true(json_number_value(json_object_get(epoch, "mpi_bytes")) == e.mpi_bytes);
    assert_true(json_number_value(json_object_get(epoch, "link_bytes")) == e.link_bytes);
    json_t *time = json_object_get(epoch, "time");
    assert_true(json_real_value(json_object_get(time, "static")) == e.time.fixed);
    assert_int_equal(json_object_size(time), 7);
    json_decref(step);
    json_decref(epoch);
    fl_free(text);
}

static void check_columns(const char *name, int rows) {
    char *text = contents(name);
    assert_int_equal(count(text, "\n"), rows + 1);
    int commas = -1;
    for (char *save, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (commas < 0) commas = count(line, ",");
        assert_int_equal(count(line, ","), commas);
        assert_null(strstr(line, "nan"));
    }
    fl_free(text);
}

static void test_tables_keep_their_columns(void **state) {
    (void)state;
    fl_report *r = open_report(false, 0);
    run(r, 1, 2, 5);
    fl_epoch_record bare = {.epoch = 3,
                            .step = 330,
                            .loss = NAN,
                            .accuracy = NAN,
                            .val_loss = NAN,
                            .val_accuracy = NAN,
                            .val_top5 = NAN,
                            .samples_per_second = INFINITY};
    assert_int_equal(quietly(r, bare), FL_OK);
    fl_report_close(r);
    check_columns("epochs.csv", 3);
    check_columns("comm.csv", 2 * COMM_ROWS);
}

static char *all_files(void) {
    char *m = contents("metrics.jsonl"), *e = contents("epochs.csv"), *c = contents("comm.csv");
    char *all = fl_format("%s--\n%s--\n%s", m, e, c);
    fl_free(m);
    fl_free(e);
    fl_free(c);
    return all;
}

/* A run that was killed in epoch 4 and goes on from the end of epoch 2 leaves what an undisturbed
 * one leaves. */
static void test_resuming_leaves_no_line_twice(void **state) {
    (void)state;
    fl_report *r = open_report(false, 0);
    fl_report_event(r, "{\"event\":\"start\"}");
    run(r, 1, 4, 4);
    fl_report_close(r);
    char *whole = all_files();

    r = open_report(false, 0);
    fl_report_event(r, "{\"event\":\"start\"}");
    run(r, 1, 3, 4);
    fl_report_event(r, "{\"event\":\"thaw\",\"epoch\":4}");
    fl_report_close(r);
    append_to("metrics.jsonl", "{\"event\":\"step\",\"epoch\":4,\"st");
    append_to("epochs.csv", "4,44");
    append_to("comm.csv", "4,");
    r = open_report(true, 220);
    run(r, 3, 4, 4);
    fl_report_close(r);
    char *again = all_files();
    assert_string_equal(whole, again);
    fl_free(whole);
    fl_free(again);
}

static void test_resuming_in_mid_epoch(void **state) {
    (void)state;
    fl_report *r = open_report(false, 0);
    run(r, 1, 2, 4);
    fl_report_close(r);
    fl_report_close(open_report(true, 150));
    char *text = contents("metrics.jsonl");
    assert_non_null(strstr(text, "\"step\":150,"));
    assert_null(strstr(text, "\"step\":160,"));
    assert_int_equal(count(text, "\"event\":\"epoch\""), 1);
    fl_free(text);
    check_columns("epochs.csv", 1);
    check_columns("comm.csv", COMM_ROWS);
}

static void test_refusal_names_the_file(void **state) {
    (void)state;
    put_file("epochs.csv", "epoch,something\n1,2\n");
    fl_report_conf conf = {scratch, FL_PROGRESS_NONE, 1, true, 100};
    fl_report *r;
    assert_int_equal(fl_report_open(&conf, &r), FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), scratch_path("epochs.csv")));
    unlink(scratch_path("epochs.csv"));
}

/* A step that meets a limit on the size of files, as it would a full disk. */
static void step_without_room(fl_report *r) {
    fl_step_record s = step_of(1);
    struct rlimit usual, none;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    none = (struct rlimit){0, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    fl_report_step(r, &s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
}

/* Steps cannot say that the disk is full; the next epoch does, or, if none comes, the end. */
static void test_full_disk_is_told(void **state) {
    (void)state;
    fl_report_conf conf = {scratch, FL_PROGRESS_NONE, 1, false, 0};
    fl_report *r;
    assert_int_equal(fl_report_open(&conf, &r), FL_OK);
    step_without_room(r);
    fl_fail(FL_ERR_INPUT, "something else in between");
    assert_int_equal(quietly(r, epoch_of(1, 1)), FL_ERR_IO);
    assert_message(scratch_path("metrics.jsonl"), "too large");
    assert_int_equal(quietly(r, epoch_of(1, 1)), FL_OK);
    step_without_room(r);
    int saved = divert(stderr, "stderr");
    fl_report_close(r);
    restore(stderr, saved);
    char *said = contents("stderr");
    assert_non_null(strstr(said, "warning: "));
    assert_non_null(strstr(said, scratch_path("metrics.jsonl")));
    fl_free(said);
}

/* What comes with an epoch is told by the epoch. */
static void test_epoch_on_a_full_disk(void **state) {
    (void)state;
    static const char *const name[] = {"metrics.jsonl", "epochs.csv", "comm.csv"};
    for (size_t i = 0; i < FL_COUNT(name); i++) {
        fl_report_conf conf = {scratch, FL_PROGRESS_NONE, 0, false, 0};
        fl_report *r = NULL;
        unlink(scratch_path(name[i]));
        assert_int_equal(symlink("/dev/full", scratch_path(name[i])), 0);
        fl_status status = fl_report_open(&conf, &r); /* writes the headers of the tables */
        if (status == FL_OK) status = quietly(r, epoch_of(1, 1));
        fl_report_close(r);
        unlink(scratch_path(name[i]));
        assert_int_equal(status, FL_ERR_IO);
        assert_message(scratch_path(name[i]), "No space left");
    }
}

/* ---- the console ---- */

static void test_console_texts(void **state) {
    (void)state;
    char b[512];
    fl_step_record s = {2, 147, 37, 110, 5, 0.4321, 1e-3, 0.5};
    fl_console_bar_text(&s, 0.0543, 100, b, sizeof b);
    assert_string_equal(b,
                        "Epoch 2/5 [==========>                   ] 37/110 loss 0.432 lr 1.0e-03 "
                        "54.3 ms/step ETA 4 s");
    fl_console_plain_text(&s, 0.0123, b, sizeof b);
    assert_string_equal(b, "epoch 2/5 step 37/110 loss 0.4321 lr 1.0e-03 12.3 ms/step");
    for (int width = 1; width < 200; width++)
        for (int64_t step = 1; step <= 110; step++) {
            s.step_of_epoch = step;
            fl_console_bar_text(&s, 5e-6, width, b, sizeof b);
            assert_true(fl_text_columns(b) < (size_t)width);
        }
    fl_epoch_record e = epoch_of(2, 10);
    fl_console_epoch_text(&e, true, b, sizeof b);
    assert_string_equal(b, "epoch  2/10  loss 0.9500  accuracy 0.7000  val_loss 1.1000  "
                           "val_accuracy 0.6500     3.4 s   1 030 samples/s  reduced 3.6 MB of "
                           "7.8 GB (0.046 %)  ~ thawed: 132.0 k parameters learn");
}

static void test_bar_is_drawn_seldom_and_taken_away(void **state) {
    (void)state;
    fl_report_conf conf = {NULL, FL_PROGRESS_BAR, 0, false, 0};
    fl_report *r;
    assert_int_equal(fl_report_open(&conf, &r), FL_OK);
    int err = divert(stderr, "stderr"), out = divert(stdout, "stdout");
    double begin = fl_clock();
    for (int64_t i = 1; i <= 5000; i++) {
        fl_step_record s = {1, i, i, 5000, 1, 1, 1e-3, 1e-4};
        fl_report_step(r, &s);
    }
    double seconds = fl_clock() - begin;
    fl_epoch_record e = epoch_of(1, 1);
    fl_status status = fl_report_epoch(r, &e);
    fl_report_close(r);
    restore(stderr, err);
    restore(stdout, out);
    assert_int_equal(status, FL_OK);
    char *shown = contents("stderr");
    assert_in_range(count(shown, "\rEpoch"), 2, 3 + (int)(seconds * 10));
    assert_non_null(strstr(shown, "5000/5000"));
    assert_string_equal(shown + strlen(shown) - 4, "\r\033[K");
    fl_free(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_hold_the_values),
        cmocka_unit_test(test_tables_keep_their_columns),
        cmocka_unit_test(test_resuming_leaves_no_line_twice),
        cmocka_unit_test(test_resuming_in_mid_epoch),
        cmocka_unit_test(test_refusal_names_the_file),
        cmocka_unit_test(test_full_disk_is_told),
        cmocka_unit_test(test_epoch_on_a_full_disk),
        cmocka_unit_test(test_console_texts),
        cmocka_unit_test(test_bar_is_drawn_seldom_and_taken_away),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
