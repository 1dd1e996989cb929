/* data: files that change: truncated ones and flipped bits, in every format that is read from one
 * file; files that were touched. */
#include <fcntl.h>
#include <sys/stat.h>

#include "data_fixture.h"

/* Puts damaged copies of `path` in its place and opens the set: refused or opened and read, never a
 * crash. Of the truncations, only those at `allowed` may open. */
static void sweep(const char *yaml, fl_shape input, const char *path, bool (*allowed)(size_t n)) {
    char *data;
    size_t len;
    assert_int_equal(fl_file_read(path, &data, &len), FL_OK);
    const char *name = strrchr(path, '/') + 1;
    for (size_t n = 0; n < len; n++) {
        scratch_file(name, data, n);
        opened o = open_set(yaml, input, FL_DATA_TRAIN);
        if (o.status == FL_OK && !allowed(n))
            fail_msg("%s opens with %zu of %zu bytes", name, n, len);
        if (o.status == FL_ERR_INPUT) assert_message(name, NULL);
        close_set(&o);
    }
    for (size_t bit = 0; bit<8 * len; bit += len> 1000 ? 101 : 1) {
        data[bit / 8] ^= (char)(1 << bit % 8);
        scratch_file(name, data, len);
        data[bit / 8] ^= (char)(1 << bit % 8);
        opened o = open_set(yaml, input, FL_DATA_TRAIN);
        assert_true(o.status == FL_OK || o.status == FL_ERR_INPUT || o.status == FL_ERR_CONFIG);
        if (o.status == FL_OK) fl_free(all_rows(o.data->train, input));
        close_set(&o);
    }
    fl_free(data);
}

static bool never(size_t n) {
    (void)n;
    return false;
}

static bool whole_records(size_t n) {
    return n > 0 && n % 3073 == 0;
}

static bool has_rows(size_t n) { /* "u,label\n" and "0,0" */
    return n >= 11;
}

static void test_damaged_idx(void **state) {
    (void)state;
    char *images = write_idx_images("i", 6, 3, 2), *labels = write_idx_labels("l", 6, 2);
    char *yaml = fl_format("format: idx, train: {images: %s, labels: %s}", images, labels);
    sweep(yaml, fl_shape3(3, 2, 1), images, never);
    write_idx_images("i", 6, 3, 2);
    sweep(yaml, fl_shape3(3, 2, 1), labels, never);
    fl_free(yaml);
    labels = write_idx_labels("l", 6, 2);
    images = write_gz("i.gz", write_idx_images("i", 6, 3, 2));
    yaml = fl_format("format: idx, train: {images: %s, labels: %s}", images, labels);
    sweep(yaml, fl_shape3(3, 2, 1), images, never);
    fl_free(yaml);
}

static void test_damaged_cifar(void **state) {
    (void)state;
    char *path = write_cifar("c", 2), *yaml = fl_format("format: cifar10, train: %s", path);
    sweep(yaml, fl_shape3(4, 4, 3), path, whole_records);
    fl_free(yaml);
}

static void test_damaged_csv(void **state) {
    (void)state;
    static const char text[] = "u,label\n0,0\n\"1.5\",1\r\n-2e3,2\n";
    char *path = scratch_file("t.csv", text, sizeof text - 1);
    char *yaml = fl_format("format: csv, train: {file: %s, label: label}", path);
    sweep(yaml, fl_shape1(1), path, has_rows);
    fl_free(yaml);
}

static void write_npy_pair(void) {
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    static const int32_t y[3] = {2, 0, 1};
    fl_tensor_info tx = {.name = "any", .dtype = FL_F32, .n = 2, .d = {3, 2}, .data = x};
    fl_tensor_info ty = {.name = "any", .dtype = FL_I32, .n = 1, .d = {3}, .data = y};
    assert_int_equal(fl_weights_write(scratch_path("x.npy"), 1, &tx, 0, NULL), FL_OK);
    assert_int_equal(fl_weights_write(scratch_path("y.npy"), 1, &ty, 0, NULL), FL_OK);
}

static void test_damaged_arrays(void **state) {
    (void)state;
    write_npy_pair();
    char *x = scratch_path("x.npy"),
         *yaml = fl_format("format: arrays, train: {x: %s, y: %s}", x, scratch_path("y.npy"));
    sweep(yaml, fl_shape1(2), x, never);
    write_npy_pair();
    sweep(yaml, fl_shape1(2), scratch_path("y.npy"), never);
    fl_free(yaml);
}

/* ---- stamps ---- */

typedef struct marks {
    uint64_t hash, stamp;
} marks;

static marks marks_of(const char *yaml, fl_shape input) {
    opened o = must_open(yaml, input);
    marks m = {fl_dataset_hash(o.data->train), fl_dataset_stamp(o.data->train)};
    close_set(&o);
    return m;
}

/* Later by one nanosecond than it was; what is in it, as it was. */
static void touch(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    st.st_mtim.tv_nsec += st.st_mtim.tv_nsec < 999999999 ? 1 : -1;
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
}

/* Frees yaml. Each of these files counts for the stamp, and none of their times for the hash. */
static void check_stamp(char *yaml, fl_shape input, const char *const *file) {
    marks was = marks_of(yaml, input), again = marks_of(yaml, input);
    assert_memory_equal(&was, &again, sizeof was);
    for (; *file; file++, was = again) {
        touch(scratch_path(*file));
        again = marks_of(yaml, input);
        assert_int_equal(was.hash, again.hash);
        if (was.stamp == again.stamp) fail_msg("'%s' does not count", *file);
    }
    fl_free(yaml);
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_stamp_of_files(void **state) {
    (void)state;
    static const char table[] = "a,y\n1,0\n2,1\n3,0\n";
    float y[] = {1, 2, 3};
    check_stamp(fl_format("format: idx, train: {images: %s, labels: %s}",
                          write_idx_images("si", 9, 3, 2), write_idx_labels("sl", 9, 3)),
                fl_shape3(3, 2, 1), FILES("si", "sl"));
    check_stamp(
        fl_format("format: cifar10, train: [%s, %s]", write_cifar("c0", 3), write_cifar("c1", 2)),
        fl_shape3(32, 32, 3), FILES("c0", "c1"));
    fl_tensor_info t = {.name = "y", .dtype = FL_F32, .n = 1, .d = {3}, .data = y};
    assert_int_equal(fl_weights_write(scratch_path("sy.safetensors"), 1, &t, 0, NULL), FL_OK);
    check_stamp(fl_format("format: arrays, train: {x: %s, y: %s}",
                          write_arrays("sx.safetensors", 3), scratch_path("sy.safetensors")),
                fl_shape1(2), FILES("sx.safetensors", "sy.safetensors"));
    check_stamp(fl_format("format: csv, train: {file: %s, label: y}",
                          scratch_file("s.csv", table, sizeof table - 1)),
                fl_shape1(1), FILES("s.csv"));
}

static void test_stamp_of_images(void **state) {
    (void)state;
    const fl_shape shape = fl_shape3(6, 8, 3);
    char *yaml = fl_format("format: image_folder, train: %s", write_folder("stamp", "ab", 2));
    check_stamp(fl_strdup(yaml), shape, FILES("stamp/a/0.png", "stamp/b/1.PNG"));
    marks was = marks_of(yaml, shape);
    /* another image of this size and this time, moved to the place of the old one */
    struct stat st;
    const char *image = scratch_path("stamp/a/0.png"), *next = scratch_path("next");
    char *data;
    size_t len;
    assert_int_equal(stat(image, &st), 0);
    assert_int_equal(fl_file_read(image, &data, &len), FL_OK);
    data[len - 1] ^= 1;
    scratch_file("next", data, len);
    fl_free(data);
    utimensat(AT_FDCWD, next, (struct timespec[]){st.st_atim, st.st_mtim}, 0);
    usleep(20000); /* the clock of a file system ticks every few milliseconds */
    assert_int_equal(rename(next, image), 0);
    marks now = marks_of(yaml, shape);
    assert_int_equal(was.hash, now.hash);
    assert_int_not_equal(was.stamp, now.stamp);
    fl_free(yaml);
    /* the same files, called by another name, are elsewhere only if they lie elsewhere */
    assert_int_equal(symlink(scratch_path("stamp"), scratch_path("link")), 0);
    yaml = fl_format("format: image_folder, train: %s", scratch_path("link"));
    marks linked = marks_of(yaml, shape);
    assert_memory_equal(&now, &linked, sizeof now);
    fl_free(yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_idx),    cmocka_unit_test(test_damaged_cifar),
        cmocka_unit_test(test_damaged_csv),    cmocka_unit_test(test_damaged_arrays),
        cmocka_unit_test(test_stamp_of_files), cmocka_unit_test(test_stamp_of_images),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
