/* manifest.json, written last: which files a checkpoint has, with their sizes and hashes.
 *   {"format": 1, "step": 20, "files": [{"name": "model.safetensors", "bytes": 1234, "xxh3":
 * "0123456789abcdef"}]} */
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <string.h>

#include "checkpoint/folder.h"

enum { FORMAT = 1, HEX = 17 };

const char *fl_reason(void) {
    static const char prefix[] = "error: ";
    const char *message = fl_message();
    bool prefixed = strncmp(message, prefix, sizeof prefix - 1) == 0;
    return message + (prefixed ? sizeof prefix - 1 : 0);
}

static void print_hash(uint64_t hash, char hex[HEX]) {
    snprintf(hex, HEX, "%016" PRIx64, hash);
}

/* ---- writing ---- */

static fl_status add_file(json_t *files, const char *folder, const char *name) {
    fl_digest digest;
    char hex[HEX], *path = fl_path_join(folder, name);
    fl_status status = fl_digest_file(path, &digest);
    fl_free(path);
    FL_TRY(status);
    print_hash(digest.xxh3, hex);
    json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", name, "bytes",
                                           (json_int_t)digest.bytes, "xxh3", hex));
    return FL_OK;
}

static fl_status write_text(const char *folder, json_t *root) {
    char *text = json_dumps(root, JSON_INDENT(1)), *path = fl_path_join(folder, FL_MANIFEST);
    FL_CHECK(text, "a manifest of checked parts cannot be dumped");
    fl_status status = fl_file_write(path, text, strlen(text));
    fl_free(text);
    fl_free(path);
    return status;
}

fl_status fl_manifest_write(const char *folder, int64_t step, int n,
                            const fl_checkpoint_file *files) {
    json_t *list = json_array();
    json_t *root =
        json_pack("{s:i, s:I, s:o}", "format", FORMAT, "step", (json_int_t)step, "files", list);
    fl_status status = FL_OK;
    for (int i = 0; status == FL_OK && i < n; i++) status = add_file(list, folder, files[i].name);
    if (status == FL_OK) status = write_text(folder, root);
    json_decref(root);
    return status;
}

/* ---- verifying ---- */

static fl_status damaged(const char *folder, const char *what) {
    return fl_fail(FL_ERR_INPUT, "%s/" FL_MANIFEST ": %s", folder, what);
}

static fl_status load_manifest(const char *folder, json_t **root) {
    json_error_t e;
    char *text, *path = fl_path_join(folder, FL_MANIFEST);
    size_t len;
    fl_status status = fl_file_read(path, &text, &len);
    fl_free(path);
    FL_TRY(status);
    *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    fl_free(text);
    if (*root) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "%s/" FL_MANIFEST ":%d:%d: not valid JSON: %s", folder, e.line,
                   e.column, e.text);
}

static fl_status compare(const char *path, const fl_digest *want, const char *want_hash) {
    fl_digest have;
    char hex[HEX];
    FL_TRY(fl_digest_file(path, &have));
    if (have.bytes != want->bytes)
        return fl_fail(FL_ERR_INPUT, "'%s' has %" PRId64 " bytes; its manifest says %" PRId64, path,
                       have.bytes, want->bytes);
    print_hash(have.xxh3, hex);
    if (strcmp(hex, want_hash) == 0) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "'%s' is damaged: its xxh3 is %s; its manifest says %.32s", path,
                   hex, want_hash);
}

static fl_status verify_file(const char *folder, json_t *entry) {
    const char *name, *hash;
    json_int_t bytes;
    if (json_unpack(entry, "{s:s, s:I, s:s !}", "name", &name, "bytes", &bytes, "xxh3", &hash) != 0)
        return damaged(folder, "a file's entry is malformed; expected name, bytes and xxh3");
    if (!name[0] || strchr(name, '/')) return damaged(folder, "a file's name is not a plain one");
    char *path = fl_path_join(folder, name);
    fl_digest want = {.bytes = bytes};
    fl_status status = compare(path, &want, hash);
    fl_free(path);
    return status;
}

/* A folder step-N must be that of step N. */
static bool step_fits(const char *folder, int64_t step) {
    int64_t named;
    char *copy = fl_strdup(folder);
    bool fits = !fl_step_parse(basename(copy), &named) || named == step;
    fl_free(copy);
    return fits;
}

static fl_status verify_manifest(const char *folder, json_t *root) {
    int format;
    json_int_t step;
    json_t *files, *entry;
    size_t i;
    if (json_unpack(root, "{s:i, s:I, s:o !}", "format", &format, "step", &step, "files", &files) !=
            0 ||
        !json_is_array(files))
        return damaged(folder, "malformed; expected format, step and a list of files");
    if (format != FORMAT) return damaged(folder, "its format is not 1; a newer Frostline wrote it");
    if (!step_fits(folder, step)) return damaged(folder, "its step is not that of the folder");
    json_array_foreach(files, i, entry) FL_TRY(verify_file(folder, entry));
    return FL_OK;
}

fl_status fl_checkpoint_verify(const char *folder) {
    json_t *root;
    FL_TRY(load_manifest(folder, &root));
    fl_status status = verify_manifest(folder, root);
    json_decref(root);
    return status;
}
