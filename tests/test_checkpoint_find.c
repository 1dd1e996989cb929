/* checkpoint: damage is found, whatever it is, and the checkpoint before it is taken. */
#include "checkpoint_unit.h"

/* ---- damage ---- */

static void flip_byte(const char *name, size_t at) {
    char *bytes;
    size_t len;
    assert_int_equal(fl_file_read(in_dir(name), &bytes, &len), FL_OK);
    bytes[at] ^= (char)0xff;
    put_bytes(name, bytes, len);
    fl_free(bytes);
}

static void damage_flip(void) {
    flip_byte("step-20/model.safetensors", 3);
}
static void damage_truncate(void) {
    assert_int_equal(truncate(in_dir("step-20/model.safetensors"), 5), 0);
}
static void damage_lengthen(void) {
    put("step-20/state.json", "more");
}
static void damage_remove(void) {
    assert_int_equal(unlink(in_dir("step-20/model.safetensors")), 0);
}
static void damage_folder(void) {
    damage_remove();
    assert_int_equal(fl_make_dirs(in_dir("step-20/model.safetensors")), FL_OK);
}
static void damage_remove_manifest(void) {
    assert_int_equal(unlink(in_dir("step-20/manifest.json")), 0);
}
static void damage_cut_manifest(void) {
    assert_int_equal(truncate(in_dir("step-20/manifest.json"), 40), 0);
}
static void damage_empty_manifest(void) {
    put("step-20/manifest.json", "");
}
static void damage_list_manifest(void) {
    put("step-20/manifest.json", "[]");
}
static void damage_files_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":1,\"step\":20,\"files\":{}}");
}
static void damage_format_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":2,\"step\":20,\"files\":[]}");
}
static void damage_step_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":1,\"step\":21,\"files\":[]}");
}
static void damage_entry_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":1,\"step\":20,\"files\":[{\"name\":\"a\"}]}");
}
static void damage_name_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":1,\"step\":20,\"files\":"
                                 "[{\"name\":\"../a\",\"bytes\":1,\"xxh3\":\"00\"}]}");
}
static void damage_surplus_of_manifest(void) {
    put("step-20/manifest.json", "{\"format\":1,\"step\":20,\"files\":"
                                 "[{\"name\":\"surplus\",\"bytes\":1,\"xxh3\":\"00\"}]}");
}

static const struct {
    void (*damage)(void);
    const char *reason;
} damages[] = {
    {damage_flip, "step-20/model.safetensors' is damaged: its xxh3 is"},
    {damage_truncate, "model.safetensors' has 5 bytes; its manifest says 16"},
    {damage_lengthen, "state.json' has 4 bytes; its manifest says 0"},
    {damage_remove, "step-20/model.safetensors': No such file"},
    {damage_folder, "model.safetensors' is not a regular file"},
    {damage_remove_manifest, "step-20/manifest.json': No such file"},
    {damage_cut_manifest, "manifest.json:4:"},
    {damage_empty_manifest, "not valid JSON"},
    {damage_list_manifest, "manifest.json: malformed; expected format, step"},
    {damage_files_of_manifest, "manifest.json: malformed"},
    {damage_format_of_manifest, "format is not 1"},
    {damage_step_of_manifest, "its step is not that of the folder"},
    {damage_entry_of_manifest, "a file's entry is malformed"},
    {damage_name_of_manifest, "a file's name is not a plain one"},
    {damage_surplus_of_manifest, "step-20/surplus': No such file"},
};

static void damage_is_found_and_passed_over(void **state) {
    (void)state;
    saved(10);
    for (size_t i = 0; i < FL_COUNT(damages); i++) {
        saved(20);
        assert_newest(FL_OK, 20, NULL);
        damages[i].damage();
        assert_int_equal(fl_checkpoint_verify(in_dir("step-20")), FL_ERR_INPUT);
        assert_message(damages[i].reason, in_dir("step-20"));
        assert_newest(FL_OK, 10, damages[i].reason);
        assert_newest(FL_OK, 10, "falling back to step-10");
    }
}

static void every_flipped_bit_of_a_manifest_is_harmless(void **state) {
    (void)state;
    saved(20);
    char *bytes;
    size_t len;
    assert_int_equal(fl_file_read(in_dir("step-20/manifest.json"), &bytes, &len), FL_OK);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        put_bytes("step-20/manifest.json", bytes, len);
        if (fl_checkpoint_verify(in_dir("step-20")) != FL_OK) /* only blanks may change */
            assert_message(in_dir("step-20"), NULL);
        else if (!strchr(" \n\r\t", bytes[bit / 8]))
            fail_msg("bit %zu of the manifest went unnoticed", bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    fl_free(bytes);
}

static void all_damaged(void **state) {
    (void)state;
    saved(10);
    saved(20);
    damage_flip();
    put("step-10/model.safetensors", "x");
    assert_newest(FL_ERR_INPUT, -1, "falling back to step-10");
    assert_message("step-10/model.safetensors' has 1 bytes", dir);
}

/* ---- finding by the user's word ---- */

static void finds(const char *where, const char *word, const char *want) {
    char *folder;
    if (fl_checkpoint_find(where, word, &folder) != FL_OK) fail_msg("%s: %s", word, fl_message());
    assert_string_equal(folder, in_dir(want));
    fl_free(folder);
}

static void finds_not(const char *word, const char *a, const char *b) {
    char *folder = dir;
    assert_int_equal(fl_checkpoint_find(dir, word, &folder), FL_ERR_INPUT);
    assert_null(folder);
    assert_message(a, b);
}

static void words_that_mean_a_checkpoint(void **state) {
    (void)state;
    char *run = fl_strdup(dir);
    fl_free(dir);
    dir = fl_path_join(run, "checkpoints");
    saved(10);
    saved(20);
    assert_int_equal(fl_checkpoint_link(dir, "best", 10), FL_OK);
    char *last = scratch_path(strrchr(run, '/') + 1);
    dir = strcpy(fl_resize(dir, 256), run);
    const char *where[] = {run, in_dir("checkpoints")};
    for (int i = 0; i < 2; i++) {
        finds(where[i], "latest", "checkpoints/step-20");
        finds(where[i], "best", "checkpoints/step-10");
        finds(where[i], "step-10", "checkpoints/step-10");
    }
    finds("/nowhere", run, "checkpoints/step-20");
    finds("/nowhere", last, "checkpoints/step-20");
    finds("/nowhere", in_dir("checkpoints"), "checkpoints/step-20");
    finds("/nowhere", in_dir("checkpoints/step-10"), "checkpoints/step-10");
    finds("/nowhere", in_dir("checkpoints/best"), "checkpoints/step-10");
    fl_free(run);
}

static void words_that_mean_none(void **state) {
    (void)state;
    finds_not("latest", "there is no checkpoint 'latest'", "there are none");
    finds_not(scratch, "there is no checkpoint in", scratch);
    saved(10);
    saved(20);
    assert_int_equal(fl_checkpoint_link(dir, "best", 10), FL_OK);
    finds_not("bset", "there is no checkpoint 'bset'", "there are best, latest, step-20, step-10");
    finds_not(in_dir("step-10/model.safetensors"), "is a file", "a checkpoint is a folder");
    assert_int_equal(fl_remove_tree(in_dir("step-10")), FL_OK);
    finds_not("best", "best' points to step-10, which is gone", "there are best, latest, step-20");
    damage_flip();
    finds_not("latest", "model.safetensors' is damaged", dir);
    finds_not("step-20", "model.safetensors' is damaged", dir);
    finds_not(dir, "no checkpoint in", dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CHECKPOINT_TEST(damage_is_found_and_passed_over),
        CHECKPOINT_TEST(every_flipped_bit_of_a_manifest_is_harmless),
        CHECKPOINT_TEST(all_damaged),
        CHECKPOINT_TEST(words_that_mean_a_checkpoint),
        CHECKPOINT_TEST(words_that_mean_none),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
