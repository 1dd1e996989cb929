/* weights: writing many tensors and metadata, and what happens when it fails. */
#include <signal.h>
#include <sys/resource.h>

#include "frostline/rng.h"
#include "scratch.h"
#include "weights/format.h"

enum { MAX_TENSORS = 12, MAX_NAME = 24, POOL = 1 << 14, ROUNDS = 150 };

static fl_rng dice = {.seed = 11};
static int below(int n) {
    dice.sample++;
    return (int)fl_rng_below(&dice, 0, (uint64_t)n);
}

/* ---- random files ---- */

typedef struct content {
    fl_tensor_info t[MAX_TENSORS];
    char names[MAX_TENSORS][MAX_NAME];
    int n;
} content;

static unsigned char pool[POOL + 8];

/* Of any length, so that the header's end is nowhere in particular; JSON must escape some of it. */
static void roll_name(char *name, int i) {
    static const char *const parts[] = {".", "weight", "\"", "\\", "/", "ü", "\n", " ", "x"};
    int at = snprintf(name, MAX_NAME, "%d", i);
    while (below(3) && at < MAX_NAME - 8)
        at += snprintf(name + at, 8, "%s", parts[below((int)FL_COUNT(parts))]);
}

static void roll(content *c) {
    memset(c, 0, sizeof *c);
    c->n = below(MAX_TENSORS + 1);
    for (int i = 0; i < c->n; i++) {
        fl_tensor_info *t = &c->t[i];
        roll_name(c->names[i], i);
        t->name = c->names[i];
        t->dtype = (fl_dtype)below(FL_BOOL8 + 1);
        t->n = below(5);
        for (int k = 0; k < t->n; k++) t->d[k] = below(6);
        assert_true(fl_tensor_measure(t));
        t->data = pool + below(POOL - (int)t->bytes);
    }
}

static void assert_content(const fl_weights *w, const content *c) {
    assert_int_equal(fl_weights_count(w), c->n);
    for (int i = 0; i < c->n; i++) {
        const fl_tensor_info *t = fl_weights_at(w, i), *want = &c->t[i];
        assert_string_equal(t->name, want->name);
        assert_ptr_equal(fl_weights_find(w, want->name), t);
        assert_int_equal(t->dtype, want->dtype);
        assert_int_equal(t->n, want->n);
        assert_memory_equal(t->d, want->d, sizeof t->d);
        assert_int_equal(t->bytes, want->bytes);
        assert_int_equal(t->count, want->count);
        assert_memory_equal(t->data, want->data, t->bytes);
    }
    assert_null(fl_weights_find(w, "absent"));
}

static uint64_t hash_of(content *c) {
    fl_weights *w;
    char *path = scratch_path("many.safetensors");
    for (int i = 0; i < c->n; i++) assert_true(fl_tensor_measure(&c->t[i]));
    assert_int_equal(fl_weights_write(path, c->n, c->t, 0, NULL), FL_OK);
    assert_int_equal(fl_weights_open(path, &w), FL_OK);
    assert_content(w, c);
    uint64_t hash = fl_weights_hash(w);
    fl_weights_close(w);
    return hash;
}

static void turn_around(content *c) {
    for (int i = 0; i < c->n / 2; i++) {
        fl_tensor_info t = c->t[i];
        c->t[i] = c->t[c->n - 1 - i];
        c->t[c->n - 1 - i] = t;
    }
}

static void random_files(void **state) {
    (void)state;
    content c;
    for (size_t i = 0; i < sizeof pool; i++) pool[i] = (unsigned char)below(256);
    for (int round = 0; round < ROUNDS; round++) {
        roll(&c);
        uint64_t hash = hash_of(&c);
        turn_around(&c);
        assert_true(hash_of(&c) == hash);
    }
}

/* The hash sees every part of a tensor. */
static void hashes_differ(void **state) {
    (void)state;
    content c = {.n = 1, .t = {{.name = "a", .n = 2, .d = {2, 3}, .data = pool}}};
    uint64_t hash = hash_of(&c);
    c.t[0].name = "b";
    assert_true(hash_of(&c) != hash);
    c.t[0].name = "a";
    c.t[0].d[0] = 3, c.t[0].d[1] = 2;
    assert_true(hash_of(&c) != hash);
    c.t[0].d[0] = 2, c.t[0].d[1] = 3;
    c.t[0].dtype = FL_I32;
    assert_true(hash_of(&c) != hash);
    c.t[0].dtype = FL_F32;
    assert_true(hash_of(&c) == hash);
    pool[23] ^= 1;
    assert_true(hash_of(&c) != hash);
}

/* ---- the header ---- */

static void the_header_is_aligned_and_starts_with_metadata(void **state) {
    (void)state;
    char name[10] = "", *path = scratch_path("header.safetensors"), *bytes;
    static const char start[] = "{\"__metadata__\":{\"format\":\"pt\"},";
    for (int i = 0; i < 8; i++) {
        strcat(name, "n");
        fl_tensor_info t = {.name = name, .dtype = FL_U8, .data = pool};
        uint64_t header;
        size_t len;
        assert_int_equal(fl_weights_write(path, 1, &t, 0, NULL), FL_OK);
        assert_int_equal(fl_file_read(path, &bytes, &len), FL_OK);
        memcpy(&header, bytes, 8);
        assert_int_equal(header % 8, 0);
        assert_int_equal(len, 8 + header + 1);
        assert_memory_equal(bytes + 8, start, strlen(start));
        fl_free(bytes);
    }
}

static void metadata_comes_back(void **state) {
    (void)state;
    const char *const meta[][2] = {
        {"format", "np"}, {"name", "vgg \"16\"\n"}, {"", "no key"}, {"no value", ""}};
    char *path = scratch_path("meta.safetensors");
    fl_weights *w;
    assert_int_equal(fl_weights_write(path, 0, NULL, 4, meta), FL_OK);
    assert_int_equal(fl_weights_open(path, &w), FL_OK);
    assert_int_equal(fl_weights_count(w), 0);
    assert_int_equal(fl_weights_metadata_count(w), 4);
    for (int i = 0; i < 4; i++) {
        const char *key, *value;
        fl_weights_metadata_at(w, i, &key, &value);
        assert_string_equal(key, meta[i][0]);
        assert_string_equal(value, meta[i][1]);
        assert_string_equal(fl_weights_metadata(w, key), value);
    }
    assert_null(fl_weights_metadata(w, "absent"));
    fl_weights_close(w);
}

/* ---- what cannot be written ---- */

static void refuses(const char *file, int n, const fl_tensor_info *t, const char *fragment) {
    char *path = scratch_path(file);
    assert_int_equal(fl_weights_write(path, n, t, 0, NULL), FL_ERR_INPUT);
    assert_message(path, fragment);
    assert_false(fl_exists(path));
    assert_false(fl_exists(strcat(path, ".tmp")));
}

static void content_that_no_file_can_hold(void **state) {
    (void)state;
    fl_tensor_info t[2] = {{.name = "a", .data = pool}, {.name = "a", .data = pool}};
    refuses("bad.safetensors", 2, t, "two tensors would be named 'a'");
    refuses("bad.npy", 2, t, "npy holds one tensor, not 2");
    refuses("bad.npy", 0, t, "npy holds one tensor, not 0");
    t[1].name = "__metadata__";
    refuses("bad.safetensors", 2, t, "two tensors would be named '__metadata__'");
    t[1].name = "\xff";
    refuses("bad.safetensors", 2, t, "not valid UTF-8");
    t[1].name = "";
    refuses("bad.safetensors", 2, t, "without a name");
    t[0].n = 9;
    refuses("bad.npy", 1, t, "tensor 'a': 9 dimensions");
    t[0] = (fl_tensor_info){.name = "a", .n = 2, .d = {-1, 2}, .data = pool};
    refuses("bad.npy", 1, t, "tensor 'a'");
    t[0] = (fl_tensor_info){.name = "a", .n = 3, .d = {1ll << 40, 0, 1ll << 40}, .data = pool};
    refuses("bad.safetensors", 1, t, "too large");
    t[0] = (fl_tensor_info){.name = "a", .dtype = FL_BF16, .data = pool};
    refuses("bad.npy", 1, t, "npy has no BF16");
}

static void metadata_that_is_no_text(void **state) {
    (void)state;
    const char *const meta[][2] = {{"key", "\xff"}};
    char *path = scratch_path("bad.safetensors");
    assert_int_equal(fl_weights_write(path, 0, NULL, 1, meta), FL_ERR_INPUT);
    assert_message("metadata 'key'", path);
    assert_false(fl_exists(path));
}

static void places_that_cannot_be_written(void **state) {
    (void)state;
    fl_tensor_info t = {.name = "a", .data = pool};
    assert_int_equal(fl_weights_write(scratch_path("a.bin"), 1, &t, 0, NULL), FL_ERR_CONFIG);
    assert_message(".safetensors or .npy", "a.bin");
    assert_int_equal(fl_weights_write(scratch_path(".npy/.npy"), 1, &t, 0, NULL), FL_ERR_IO);
    assert_message("cannot create", "No such file or directory");
    assert_int_equal(fl_make_dirs(scratch_path("folder.npy")), FL_OK);
    assert_int_equal(fl_weights_write(scratch_path("folder.npy"), 1, &t, 0, NULL), FL_ERR_IO);
    assert_message("cannot write", "folder.npy");
    assert_false(fl_exists(scratch_path("folder.npy.tmp")));
}

/* A file-size limit stands for a full disk; `bytes` is once more and once less than the buffer. */
static void write_beyond_limit(int64_t bytes, const char *path) {
    struct rlimit old, small = {65536, RLIM_INFINITY};
    fl_tensor_info t = {.name = "big", .dtype = FL_U8, .n = 1, .d = {bytes}};
    t.data = fl_alloc((size_t)bytes);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fl_status status = fl_weights_write(path, 1, &t, 0, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    fl_free((void *)t.data);
    assert_int_equal(status, FL_ERR_IO);
    assert_message("File too large", path);
}

static void a_failing_write_leaves_the_earlier_file(void **state) {
    (void)state;
    content c = {.n = 1, .t = {{.name = "a", .n = 1, .d = {3}, .data = pool}}};
    uint64_t hash = hash_of(&c);
    char *path = scratch_path("many.safetensors"), *rest = scratch_path("many.safetensors.tmp");
    for (int i = 0; i < 2; i++) {
        fl_weights *w;
        write_beyond_limit(i ? 3 << 20 : 100000, path);
        assert_false(fl_exists(rest));
        assert_int_equal(fl_weights_open(path, &w), FL_OK);
        assert_true(fl_weights_hash(w) == hash);
        fl_weights_close(w);
    }
}

/* The tensors may be mapped from the very file that is replaced. */
static void a_file_can_be_rewritten_onto_itself(void **state) {
    (void)state;
    content c = {.n = 1, .t = {{.name = "a", .n = 1, .d = {1000}, .data = pool}}};
    uint64_t hash = hash_of(&c);
    char *path = scratch_path("many.safetensors");
    for (int i = 0; i < 2; i++) {
        fl_weights *w;
        assert_int_equal(fl_weights_open(path, &w), FL_OK);
        assert_true(fl_weights_hash(w) == hash);
        const char *const meta[][2] = {{"longer", "header"}};
        assert_int_equal(fl_weights_write(path, 1, fl_weights_at(w, 0), 1, meta), FL_OK);
        fl_weights_close(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_files),
        cmocka_unit_test(hashes_differ),
        cmocka_unit_test(the_header_is_aligned_and_starts_with_metadata),
        cmocka_unit_test(metadata_comes_back),
        cmocka_unit_test(content_that_no_file_can_hold),
        cmocka_unit_test(metadata_that_is_no_text),
        cmocka_unit_test(places_that_cannot_be_written),
        cmocka_unit_test(a_failing_write_leaves_the_earlier_file),
        cmocka_unit_test(a_file_can_be_rewritten_onto_itself),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
