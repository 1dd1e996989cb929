/* What a run says and leaves behind: files that read back, pages that are well-formed, tables that
 * add up. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "report/console.h"
#include "report/frame.h"
#include "report/history.h"
#include "report/table.h"
#include "report/text.h"
#include "scratch.h"

static char *contents(const char *name) {
    char *data;
    assert_int_equal(fl_file_read(scratch_path(name), &data, NULL), FL_OK);
    return data;
}

static void put_file(const char *name, const char *text) {
    assert_int_equal(fl_file_write(scratch_path(name), text, strlen(text)), FL_OK);
}

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) n++;
    return n;
}

static json_t *json_line(const char *text, int line) {
    while (line--) text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, (size_t)(strchr(text, '\n') - text), 0, NULL);
    assert_true(json_is_object(o));
    return o;
}

/* stream goes to a file of the folder until restore() */
static int divert(FILE *stream, const char *name) {
    fflush(stream);
    int saved = dup(fileno(stream)),
        fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, fileno(stream)) >= 0);
    close(fd);
    return saved;
}

static void restore(FILE *stream, int saved) {
    fflush(stream);
    dup2(saved, fileno(stream));
    close(saved);
}

static fl_epoch_record epoch_of(int64_t i, int64_t n) {
    double x = (double)i;
    return (fl_epoch_record){
        .epoch = i,
        .epochs = n,
        .step = 110 * i,
        .loss = 1.7 / x + 0.1,
        .accuracy = 1 - 0.6 / x,
        .val_loss = 1.8 / x + 0.2,
        .val_accuracy = 1 - 0.7 / x,
        .val_top5 = NAN,
        .learning_rate = 1e-3 / 3,
        .seconds = 3.4,
        .samples_per_second = 1030.1,
        .payload_bytes = 3591000,
        .planned_payload_bytes = 3591000,
        .unfrozen_payload_bytes = 7827149400,
        .wire_bytes = 5386500,
        .reduce_calls = 110,
        .reduce_seconds = 0.2,
        .memory_bytes = 1u << 30,
        .time = {0.5, 1.1, 0.4, 1.0, 0.1, 0.2, 0.1},
        .phase = i > n / 2,
        .trainable = 131978,
        .best = i == n,
    };
}

static fl_step_record step_of(int64_t step) {
    return (fl_step_record){1 + (step - 1) / 110,
                            step,
                            1 + (step - 1) % 110,
                            110,
                            5,
                            1.0 / 3 + 1.0 / (double)step,
                            1e-3,
                            0.0123};
}

static fl_report *open_report(bool append, int64_t resume_step) {
    fl_report_conf conf = {scratch, FL_PROGRESS_NONE, 10, append, resume_step};
    fl_report *r = NULL;
    assert_int_equal(fl_report_open(&conf, &r), FL_OK);
    return r;
}

/* The epoch's line on stdout is not for the eyes of who runs the tests. */
static fl_status quietly(fl_report *r, fl_epoch_record e) {
    int saved = divert(stdout, "stdout");
    fl_status status = fl_report_epoch(r, &e);
    restore(stdout, saved);
    return status;
}

/* Epochs from…to of a run of n, their steps with them. */
static void run(fl_report *r, int64_t from, int64_t to, int64_t n) {
    for (int64_t e = from; e <= to; e++) {
        for (int64_t s = 110 * (e - 1) + 1; s <= 110 * e; s++) {
            fl_step_record step = step_of(s);
            fl_report_step(r, &step);
        }
        assert_int_equal(quietly(r, epoch_of(e, n)), FL_OK);
    }
}

/* ---- numbers ---- */

static void test_human_numbers(void **state) {
    (void)state;
    char b[40];
    const struct {
        double n;
        const char *text;
    } counts[] = {{0, "0"},           {7, "7"},
                  {999, "999"},       {999.6, "1.0 k"},
                  {1030, "1.0 k"},    {999949, "999.9 k"},
                  {999951, "1.0 M"},  {14714688, "14.7 M"},
                  {-2.5e9, "-2.5 G"}, {NAN, "–"}};
    for (size_t i = 0; i < FL_COUNT(counts); i++)
        assert_string_equal(fl_human_count(counts[i].n, b), counts[i].text);
    assert_string_equal(fl_human_bytes(527912, b), "527.9 kB");
    assert_string_equal(fl_human_bytes(12, b), "12 B");
    const struct {
        double s;
        const char *text;
    } times[] = {{0, "0 µs"},         {12e-6, "12 µs"},       {0.0123, "12.3 ms"},
                 {0.99999, "1.0 s"},  {3.4, "3.4 s"},         {59.96, "1 min 00 s"},
                 {61, "1 min 01 s"},  {3599.7, "1 h 00 min"}, {3720, "1 h 02 min"},
                 {86390, "1 d 00 h"}, {183600, "2 d 03 h"},   {INFINITY, "–"}};
    for (size_t i = 0; i < FL_COUNT(times); i++)
        assert_string_equal(fl_human_seconds(times[i].s, b), times[i].text);
    assert_string_equal(fl_text_grouped(14714688, ",", b), "14,714,688");
    assert_string_equal(fl_text_grouped(-123, " ", b), "-123");
    assert_string_equal(fl_text_percent(0.00046, b), "0.046 %");
    assert_string_equal(fl_text_kib(35496, b), "34.66 KB");
}

static void test_escape(void **state) {
    (void)state;
    fl_text t = {0};
    fl_text_escape(&t, "<a b=\"1\">&'é\x01\xff\xc0\xaf\xed\xa0\x80");
    assert_null(strpbrk(t.s, "<>\"'\x01"));
    assert_non_null(strstr(t.s, "&lt;a b=&quot;1&quot;&gt;&amp;&#39;é"));
    json_t *valid = json_string(t.s); /* NULL if it were not UTF-8 */
    assert_non_null(valid);
    json_decref(valid);
    fl_free(t.s);
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
    check_columns("comm.csv", 3);
}

static char *all_files(void) {
    char *m = contents("metrics.jsonl"), *e = contents("epochs.csv"), *c = contents("comm.csv");
    char *all = fl_format("%s--\n%s--\n%s", m, e, c);
    fl_free(m);
    fl_free(e);
    fl_free(c);
    return all;
}

static void append_to(const char *name, const char *text) {
    char *old = contents(name), *new = fl_format("%s%s", old, text);
    put_file(name, new);
    fl_free(old);
    fl_free(new);
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
    check_columns("comm.csv", 1);
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

/* ---- scales and charts ---- */

static bool is_round(double step) {
    double digit = step / pow(10, floor(log10(step) + 1e-9));
    return fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 || fabs(digit - 5) < 1e-6;
}

static double uniform(uint64_t i) {
    return (double)(fl_hash(&i, sizeof i, 7) >> 11) * 0x1p-53;
}

static void test_ticks_are_round_and_cover(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        double size = pow(10, 24 * uniform(3 * i) - 12), lo = (uniform(3 * i + 1) - 0.5) * size;
        double hi = lo + size * (0.01 + uniform(3 * i + 2));
        fl_scale s = fl_scale_linear(lo, hi, 5, 0, true);
        assert_true(is_round(s.step));
        assert_in_range(s.n, 2, 7);
        assert_true(s.tick[0] <= lo + 1e-6 * s.step && s.tick[s.n - 1] >= hi - 1e-6 * s.step);
        for (int k = 1; k < s.n; k++) assert_true(s.tick[k] > s.tick[k - 1]);
        assert_true(fl_scale_at(&s, lo) >= 0 && fl_scale_at(&s, hi) <= 1);
        fl_scale inside = fl_scale_linear(lo, hi, 9, 0, false);
        assert_true(inside.n >= 1 && inside.lo == lo && inside.hi == hi);
        double a = pow(10, 20 * uniform(i) - 10), b = a * pow(10, 12 * uniform(i + 9000));
        fl_scale l = fl_scale_log(a, b);
        assert_true(l.lo <= a * (1 + 1e-6) && l.hi >= b * (1 - 1e-6) && l.n >= 2);
        for (int k = 0; k < l.n; k++) assert_true(is_round(l.tick[k]));
    }
}

static void test_scales_of_nothing(void **state) {
    (void)state;
    const double odd[][2] = {{0, 0}, {3, 3}, {INFINITY, -INFINITY}, {NAN, NAN}, {1e9, 1e9 + 1e-7}};
    for (size_t i = 0; i < FL_COUNT(odd); i++) {
        fl_scale s = fl_scale_linear(odd[i][0], odd[i][1], 5, 1, true);
        assert_true(s.n >= 2 && isfinite(s.lo) && s.hi > s.lo && s.step >= 1);
    }
    char b[32];
    fl_scale s = fl_scale_linear(0, 1, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[1], b), "0.2");
    s = fl_scale_linear(0, 5e-4, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[3], b), "0.0003");
    s = fl_scale_linear(0, 90000, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[1], b), "20 k");
}

static void test_labels_do_not_overlap(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        double y[6], sorted[6];
        for (int k = 0; k < 6; k++)
            y[k] = sorted[k] = floor(10 * uniform(6 * i + (uint64_t)k)) * 20;
        fl_spread(6, y, 15, 0, 200);
        for (int a = 0; a < 6; a++)
            for (int b = 0; b < 6; b++) {
                if (a == b) continue;
                assert_true(fabs(y[a] - y[b]) > 14.999);
                if (sorted[a] < sorted[b]) assert_true(y[a] < y[b]);
            }
        for (int k = 0; k < 6; k++) assert_true(y[k] >= 0 && y[k] <= 200);
    }
}

static void test_gaps_stay_gaps(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 2, NAN, 4, 5}, none[] = {NAN, NAN, NAN, NAN, NAN};
    fl_series s[] = {{"a<b", 5, x, y, 0, 0}, {"empty", 5, x, none, 1, 0}};
    fl_chart c = {.title = "T", .description = "D", .n_series = 2, .series = s};
    fl_text t = {0};
    fl_svg_lines(&t, &c);
    const char *line = strstr(t.s, "class=\"line s0\"");
    assert_non_null(line);
    assert_int_equal(count(line, "M") - count(strchr(line, '>'), "M"), 2);
    assert_non_null(strstr(t.s, "a&lt;b"));
    assert_null(strstr(t.s, ">empty<"));
    assert_null(strstr(t.s, "nan"));
    t.len = 0;
    c.series = s + 1, c.n_series = 1;
    fl_svg_lines(&t, &c);
    assert_non_null(strstr(t.s, "no data"));
    fl_free(t.s);
}

/* ---- the page ---- */

/* Every tag closed in its order; nothing stray that would open one. Dies at the first fault. */
static void check_well_formed(const char *html) {
    static const char *const empty[] = {"meta", "!doctype"};
    char stack[64][16];
    int depth = 0;
    for (const char *at = html; (at = strchr(at, '<')); at++) {
        char name[16];
        bool closing = at[1] == '/';
        assert_int_equal(sscanf(at + 1 + closing, "%15[!a-z0-9]", name), 1);
        const char *end = strchr(at, '>');
        assert_non_null(end);
        int quotes = 0;
        for (const char *c = at; c < end; c++) quotes += *c == '"';
        assert_int_equal(quotes % 2, 0);
        if (end[-1] == '/' || !strcmp(name, empty[0]) || !strcmp(name, empty[1])) continue;
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
        } else {
            assert_true(depth < 64);
            strcpy(stack[depth++], name);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

static char *page_of(void) {
    static const int64_t confusion[] = {8, 1, 1, 2, 10, 0, 0, 0, 0};
    static const char *const names[] = {"<script>alert(1)</script>", "tulips & \"roses\"", "c"};
    static const char *const facts[][2] = {{"CPU", "<b>fast</b>"}, {"MPI", "4.1"}};
    const char *const(*fact)[2] = facts;
    fl_html_page page = {"</title><script>x</script>",
                         "a: '<script>'",
                         "Model <script>",
                         "f <x>",
                         "finished",
                         4,
                         3,
                         confusion,
                         names,
                         2,
                         fact};
    assert_int_equal(fl_report_html(scratch, &page), FL_OK);
    char *html = contents("report.html");
    check_well_formed(html);
    static const char *const never[] = {"<script", "http", "<link", "@import", "url(",
                                        "src=",    "nan",  "inf\"", "<b>"};
    for (size_t i = 0; i < FL_COUNT(never); i++) assert_null(strstr(html, never[i]));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
    return html;
}

static void test_page_of_a_run(void **state) {
    (void)state;
    const struct { int epochs, pictures; } runs[] = {{0, 1}, {1, 5}, {500, 5}};
    for (size_t i = 0; i < FL_COUNT(runs); i++) {
        fl_report *r = open_report(false, 0);
        run(r, 1, runs[i].epochs, runs[i].epochs);
        fl_report_close(r);
        append_to("metrics.jsonl", "not json\n[1]\n{\"event\":3}\n{\"event\":\"epoch\",\"ep");
        char *html = page_of();
        assert_int_equal(count(html, "<svg"), runs[i].pictures);
        assert_int_equal(count(html, "<title>"), count(html, "</title>"));
        if (runs[i].epochs == 500) assert_true(strlen(html) < 400000);
        fl_free(html);
    }
    unlink(scratch_path("metrics.jsonl"));
    fl_free(page_of());
}

static void test_page_without_numbers(void **state) {
    (void)state;
    put_file("metrics.jsonl",
             "{\"event\":\"epoch\",\"epoch\":1,\"step\":1e300,\"loss\":null,\"phase\":-1e99}\n"
             "{\"event\":\"step\"}\n{\"event\":\"epoch\",\"epoch\":2,\"time\":7,\"loss\":\"x\"}\n");
    fl_free(page_of());
}

static void test_ledger_shows_a_difference(void **state) {
    (void)state;
    fl_report *r = open_report(false, 0);
    run(r, 1, 4, 4);
    fl_epoch_record e = epoch_of(5, 5);
    e.payload_bytes++;
    assert_int_equal(quietly(r, e), FL_OK);
    fl_report_close(r);
    char *html = page_of();
    assert_int_equal(count(html, "✓ equal"), 2); /* 1–2, then 3–4 after the thaw, in one row each */
    assert_int_equal(count(html, "✗ not equal"), 1);
    fl_free(html);
}

static void test_history_takes_the_later_telling(void **state) {
    (void)state;
    put_file("metrics.jsonl", "{\"event\":\"epoch\",\"epoch\":1,\"loss\":3}\n"
                              "{\"event\":\"epoch\",\"epoch\":2,\"loss\":2}\n"
                              "{\"event\":\"epoch\",\"epoch\":2,\"loss\":1,\"best\":true}");
    fl_history h;
    assert_int_equal(fl_history_read(scratch_path("metrics.jsonl"), &h), FL_OK);
    assert_int_equal(h.n_epochs, 2);
    assert_true(h.epoch[1].loss == 1 && h.epoch[1].best && isnan(h.epoch[1].accuracy));
    assert_int_equal(fl_history_best(&h), 1);
    fl_history_free(&h);
}

/* ---- tables of a model and its plan ---- */

static const fl_layer_ops conv = {.name = "conv2d"}, dense = {.name = "dense"},
                          bn = {.name = "batch_norm"};
static const fl_param_spec weight = {.name = "weight"},
                           running = {.name = "running_mean", .buffer = true};

/* base: conv (frozen, 100 + 10) → norm (frozen, 10, buffer 10); head: fc (trainable, 2400 + 10) */
static char names[][24] = {"tiny",        "conv",      "norm",        "fc",
                           "conv.weight", "conv.bias", "norm.weight", "norm.running_mean",
                           "fc.weight",   "fc.bias"};
static fl_model_layer layers[] = {{.name = names[1],
                                   .group = names[0],
                                   .ops = &conv,
                                   .n_in = 1,
                                   .in = {FL_MODEL_INPUT},
                                   .shape = {3, {8, 8, 10}},
                                   .n_params = 2,
                                   .is_static = true},
                                  {.name = names[2],
                                   .group = names[0],
                                   .ops = &bn,
                                   .n_in = 1,
                                   .in = {0},
                                   .shape = {3, {8, 8, 10}},
                                   .first_param = 2,
                                   .n_params = 2,
                                   .is_static = true},
                                  {.name = names[3],
                                   .ops = &dense,
                                   .n_in = 1,
                                   .in = {1},
                                   .shape = {1, {10}},
                                   .first_param = 4,
                                   .n_params = 2,
                                   .trainable = true}};
static fl_param params[] = {
    {names[4], 0, &weight, 100, NULL, NULL},  {names[5], 0, &weight, 10, NULL, NULL},
    {names[6], 1, &weight, 10, NULL, NULL},   {names[7], 1, &running, 10, NULL, NULL},
    {names[8], 2, &weight, 2400, NULL, NULL}, {names[9], 2, &weight, 10, NULL, NULL}};
static fl_model model = {.base = names[0],
                         .input = {3, {8, 8, 3}},
                         .n_layers = 3,
                         .layer = layers,
                         .n_params = 6,
                         .param = params};
static fl_plan_layer plan_layers[] = {
    {.is_static = true, .flops = 1000},
    {.is_static = true, .frost_line = true, .flops = 20},
    {.need = {.weight_gradient = true}, .payload_bytes = 9640, .flops = 4800, .flops_dw = 4900}};
static fl_place places[] = {{FL_REGION_FROZEN, {0, 100}},      {FL_REGION_FROZEN, {100, 10}},
                            {FL_REGION_FROZEN, {110, 10}},     {FL_REGION_FROZEN, {120, 10}},
                            {FL_REGION_TRAINABLE, {10, 2400}}, {FL_REGION_TRAINABLE, {0, 10}}};
static int bucket_layers[] = {2};
static fl_bucket buckets[] = {{{0, 2410}, 2, 1, bucket_layers}};
static const fl_plan plan = {.model = &model,
                             .conf = {4, 64, 2, 1 << 20, 2, 0},
                             .rows = 8,
                             .layer = plan_layers,
                             .place = places,
                             .n_trainable = 2410,
                             .n_frozen = 130,
                             .n_unfrozen = 2530,
                             .n_buckets = 1,
                             .bucket = buckets,
                             .memory = {.trainable = 9640,
                                        .gradients = 9640,
                                        .optimizer = 19280,
                                        .activations = 4096,
                                        .frozen_shared = 520}};

static void test_summary_adds_up(void **state) {
    (void)state;
    char *s = fl_summary_text(&plan, "adam", 0);
    static const char *const said[] = {
        "tiny (base)",
        "  conv (conv2d)",
        "(None, 8, 8, 10)",
        "2,410 │ yes",
        "Total params: 2,540 (9.92 KB)",
        "Trainable params: 2,410 (9.41 KB)",
        "Non-trainable params: 130 (520.00 B)",
        "Optimizer params: 4,820 (18.83 KB) adam",
        "Reduced per step: 9,640 bytes in 1 bucket of 10,120 with nothing frozen"};
    for (size_t i = 0; i < FL_COUNT(said); i++)
        if (!strstr(s, said[i])) fail_msg("'%s' is not in\n%s", said[i], s);
    assert_null(strstr(s, "Connected to"));
    fl_free(s);
    layers[2].n_in = 2, layers[2].in[1] = 0; /* a branch */
    s = fl_summary_text(&plan, NULL, 0);
    assert_non_null(strstr(s, "norm, conv"));
    assert_null(strstr(s, "Optimizer"));
    fl_free(s);
    layers[2].n_in = 1;
}

static void test_tables_fit_the_width(void **state) {
    (void)state;
    static const fl_table_column columns[] = {{"Layer", .shrinks = true}, {"N", .right = true}};
    fl_table t = fl_table_open(2, columns);
    fl_table_row(&t);
    fl_table_cell(&t, 0, "a_very_long_näme_of_a_layer_(conv2d)");
    fl_table_cell(&t, 1, "1,234");
    fl_table_rule(&t);
    fl_table_row(&t);
    for (int width = 15; width < 80; width++) {
        fl_text out = {0};
        fl_table_print(&t, width, &out);
        assert_non_null(strstr(out.s, "1,234"));
        for (char *save, *l = strtok_r(out.s, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            assert_in_range(fl_text_columns(l), 0, width);
        fl_free(out.s);
    }
    fl_table_close(&t);
}

static void test_plan_table(void **state) {
    (void)state;
    char *s = fl_plan_table(&plan, 0);
    static const char *const said[] = {
        "norm (batch_norm)", "static",          "live",  "9.6 kB", "fc",
        "42.7 kB",           "1.05 times less", "520 B", "14.5 kB"};
    for (size_t i = 0; i < FL_COUNT(said); i++)
        if (!strstr(s, said[i])) fail_msg("'%s' is not in\n%s", said[i], s);
    fl_free(s);
}

static json_int_t at(json_t *o, const char *a, const char *b) {
    json_t *v = json_object_get(o, a);
    if (b) v = json_object_get(v, b);
    if (!json_is_integer(v)) fail_msg("%s.%s is no whole number", a, b ? b : "");
    return json_integer_value(v);
}

static void test_plan_json(void **state) {
    (void)state;
    char *s = fl_plan_json(&plan);
    json_t *o = json_loads(s, 0, NULL);
    assert_true(json_is_object(o));
    assert_int_equal(at(o, "np", NULL), 4);
    assert_int_equal(at(o, "parameters", "total"), 2540);
    assert_int_equal(at(o, "parameters", "trainable") + at(o, "parameters", "frozen"), 2540);
    assert_int_equal(at(o, "payload_bytes", NULL), 9640);
    assert_int_equal(at(o, "unfrozen_payload_bytes", NULL), 10120);
    assert_int_equal(at(o, "wire_bytes_per_rank", NULL), 9640 * 6 / 4);
    assert_int_equal(at(o, "flops", "forward_static"), 16 * 1020); /* 8 rows, twice */
    assert_int_equal(at(o, "flops", "forward_live"), 16 * 4800);
    assert_int_equal(at(o, "flops", "backward"), 16 * 4900);
    assert_int_equal(at(o, "memory_bytes_per_rank", NULL), 9640 + 9640 + 19280 + 4096);
    assert_int_equal(at(o, "memory_bytes_per_node_shared", NULL), 520);
    json_int_t parameters = 0, payload = 0, reduced = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(o, "layers"), i, item) {
        parameters += at(item, "parameters", NULL);
        payload += at(item, "payload_bytes", NULL);
        assert_true(json_is_boolean(json_object_get(item, "static")));
        assert_true(json_is_boolean(json_object_get(item, "input_gradient")));
    }
    json_array_foreach(json_object_get(o, "buckets"), i, item) reduced += at(item, "bytes", NULL);
    assert_int_equal(parameters, 2540);
    assert_int_equal(payload, 9640);
    assert_int_equal(reduced, 9640);
    json_decref(o);
    fl_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_human_numbers),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_lines_hold_the_values),
        cmocka_unit_test(test_tables_keep_their_columns),
        cmocka_unit_test(test_resuming_leaves_no_line_twice),
        cmocka_unit_test(test_resuming_in_mid_epoch),
        cmocka_unit_test(test_refusal_names_the_file),
        cmocka_unit_test(test_full_disk_is_told),
        cmocka_unit_test(test_epoch_on_a_full_disk),
        cmocka_unit_test(test_console_texts),
        cmocka_unit_test(test_bar_is_drawn_seldom_and_taken_away),
        cmocka_unit_test(test_ticks_are_round_and_cover),
        cmocka_unit_test(test_scales_of_nothing),
        cmocka_unit_test(test_labels_do_not_overlap),
        cmocka_unit_test(test_gaps_stay_gaps),
        cmocka_unit_test(test_page_of_a_run),
        cmocka_unit_test(test_page_without_numbers),
        cmocka_unit_test(test_ledger_shows_a_difference),
        cmocka_unit_test(test_history_takes_the_later_telling),
        cmocka_unit_test(test_summary_adds_up),
        cmocka_unit_test(test_tables_fit_the_width),
        cmocka_unit_test(test_plan_table),
        cmocka_unit_test(test_plan_json),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
