/* cut.c: takes the lines that a resumed run will write again off a run's files. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* The next whole line of [*at, end), without its newline; false at the end or at a torn line. */
static bool next_line(const char **at, const char *end, const char **line, size_t *len) {
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    if (!newline) return false;
    *line = *at;
    *len = (size_t)(newline - *at);
    *at = newline + 1;
    return true;
}

static fl_status replace_if_shorter(const char *path, const fl_text *kept, size_t len) {
    if (kept->len == len) return FL_OK;
    return fl_file_replace(path, kept->len ? kept->s : "", kept->len);
}

/* *epoch: the last one of which a line was kept. */
static bool keep_line(const char *line, size_t len, int64_t resume_step, int64_t *epoch) {
    json_t *root = json_loadb(line, len, 0, NULL);
    bool keep = json_is_object(root);
    json_t *step = json_object_get(root, "step"), *its_epoch = json_object_get(root, "epoch");
    if (json_is_integer(step)) {
        keep = json_integer_value(step) <= resume_step;
        if (keep && json_is_integer(its_epoch)) *epoch = json_integer_value(its_epoch);
    } else if (json_is_integer(its_epoch)) {
        keep = json_integer_value(its_epoch) <= *epoch;
    }
    json_decref(root);
    return keep;
}

fl_status fl_record_cut_metrics(const char *path, int64_t resume_step) {
    if (!fl_exists(path)) return FL_OK;
    char *data;
    size_t size, len;
    FL_TRY(fl_file_read(path, &data, &size));
    fl_text kept = {0};
    const char *at = data, *line;
    int64_t epoch = 0;
    while (next_line(&at, data + size, &line, &len))
        if (keep_line(line, len, resume_step, &epoch)) fl_text_put(&kept, line, len + 1);
    fl_status status = replace_if_shorter(path, &kept, size);
    fl_free(kept.s);
    fl_free(data);
    return status;
}

static size_t count_commas(const char *s, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) n += s[i] == ',';
    return n;
}

static bool keep_row(const char *line, size_t len, size_t commas, int64_t resume_step) {
    if (count_commas(line, len) != commas) return false;
    const char *step = (const char *)memchr(line, ',', len) + 1;
    return strtoll(step, NULL, 10) <= resume_step;
}

static fl_status other_columns(const char *path) {
    return fl_fail(FL_ERR_INPUT,
                   "%s: cannot be continued: its columns are not those this version writes; move "
                   "the file away, or start a new run folder",
                   path);
}

/* The header, then the rows that stay. */
static bool sift(const char *data, size_t size, const char *header, int64_t resume_step,
                 fl_text *kept) {
    const char *at = data, *line;
    size_t len, commas = count_commas(header, strlen(header));
    if (!next_line(&at, data + size, &line, &len)) return true;
    if (len != strlen(header) || memcmp(line, header, len) != 0) return false;
    fl_text_put(kept, line, len + 1);
    while (next_line(&at, data + size, &line, &len))
        if (keep_row(line, len, commas, resume_step)) fl_text_put(kept, line, len + 1);
    return true;
}

fl_status fl_record_cut_rows(const char *path, const char *header, int64_t resume_step) {
    if (!fl_exists(path)) return FL_OK;
    char *data;
    size_t size;
    FL_TRY(fl_file_read(path, &data, &size));
    fl_text kept = {0};
    bool ours = sift(data, size, header, resume_step, &kept);
    fl_status status = ours ? replace_if_shorter(path, &kept, size) : other_columns(path);
    fl_free(kept.s);
    fl_free(data);
    return status;
}
