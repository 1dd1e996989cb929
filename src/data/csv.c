/* Numbers in a CSV file with a header line (RFC 4180): {file: F, label: COLUMN}; the other columns
 * are the features. */
#include "data/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct conf {
    const char *file, *label;
    int label_type; /* class | number */
} conf;

static const fl_field fields[] = {
    {"file", FL_STRING, offsetof(conf, file), NULL, 0, 0, NULL, "the CSV file, plain or .gz", NULL},
    {"label", FL_STRING, offsetof(conf, label), NULL, 0, 0, NULL,
     "the column to predict: its name, or its position from 0", NULL},
    {"label_type", FL_CHOICE, offsetof(conf, label_type), "class", 0, 0, "class|number",
     "class: whole numbers from 0 are class ids; number: the value is the target", NULL},
    {0},
};

typedef struct reader {
    const char *path, *p, *end;
    long line;     /* of the record that p is in, from 1 */
    fl_text field; /* the one last read, without its quotes */
    bool more;     /* the record goes on after it */
} reader;

typedef struct table {
    char **column;
    int columns, label;
    float *x;  /* (rows, columns - 1) */
    double *y; /* (rows) */
    int64_t rows, cap;
} table;

static fl_status quoted(reader *r) {
    for (r->p++; r->p < r->end; r->p++) {
        if (*r->p == '"' && (++r->p == r->end || *r->p != '"')) return FL_OK;
        fl_text_put(&r->field, r->p, 1);
    }
    return fl_fail(FL_ERR_INPUT, "%s:%ld: a quote is not closed", r->path, r->line);
}

static void bare(reader *r) {
    const char *start = r->p;
    while (r->p < r->end && !strchr(",\r\n", *r->p)) r->p++;
    fl_text_put(&r->field, start, (size_t)(r->p - start));
}

/* Reads a field and passes the comma or line end after it. */
static fl_status next(reader *r) {
    r->field.len = 0;
    fl_text_put(&r->field, "", 0);
    if (r->p < r->end && *r->p == '"')
        FL_TRY(quoted(r));
    else
        bare(r);
    r->more = r->p < r->end && *r->p == ',';
    if (!r->more && r->p < r->end && *r->p == '\r') r->p++;
    if (r->p < r->end && !r->more && *r->p != '\n')
        return fl_fail(FL_ERR_INPUT, "%s:%ld: a comma or the end of the line should follow '%s'",
                       r->path, r->line, r->field.s);
    r->p += r->p < r->end;
    return FL_OK;
}

static fl_status read_header(reader *r, table *t) {
    do {
        FL_TRY(next(r));
        t->column = fl_resize(t->column, (size_t)(t->columns + 1) * sizeof *t->column);
        t->column[t->columns++] = fl_strdup(r->field.s);
    } while (r->more);
    r->line++;
    if (t->columns < 2)
        return fl_fail(FL_ERR_INPUT, "'%s' has one column; a label and features are needed",
                       r->path);
    return FL_OK;
}

static fl_status find_label(const char *path, const fl_node *at, const char *label, table *t) {
    char *end;
    int found = 0;
    for (int i = 0; i < t->columns; i++)
        if (strcmp(t->column[i], label) == 0) t->label = i, found++;
    if (found == 1) return FL_OK;
    if (found)
        return fl_node_error(at, "'%s' has %d columns '%s'; give its position, from 0", path, found,
                             label);
    long index = strtol(label, &end, 10);
    t->label = (int)index;
    if (end > label && !*end && index >= 0 && index < t->columns) return FL_OK;
    return fl_node_unknown(at, "column", label, (const char *const *)t->column, (size_t)t->columns);
}

static fl_status number(const reader *r, const table *t, int column, double *v) {
    char *end;
    *v = strtod(r->field.s, &end);
    while (*end == ' ') end++;
    if (end > r->field.s && end == r->field.s + r->field.len && isfinite(*v)) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "%s:%ld: column '%s': '%s' is not a number", r->path, r->line,
                   t->column[column], r->field.s);
}

static void grow(table *t) {
    if (t->rows < t->cap) return;
    t->cap = t->cap ? 2 * t->cap : 256;
    t->x = fl_resize(t->x, (size_t)t->cap * (size_t)(t->columns - 1) * sizeof *t->x);
    t->y = fl_resize(t->y, (size_t)t->cap * sizeof *t->y);
}

static fl_status read_row(reader *r, table *t) {
    int column = 0;
    grow(t);
    float *x = t->x + t->rows * (t->columns - 1);
    do {
        double v = 0.0;
        FL_TRY(next(r));
        if (column < t->columns) FL_TRY(number(r, t, column, &v));
        if (column == t->label)
            t->y[t->rows] = v;
        else if (column < t->columns)
            *x++ = (float)v;
        column++;
    } while (r->more);
    if (column != t->columns)
        return fl_fail(FL_ERR_INPUT, "%s:%ld: %d fields, but the header has %d", r->path, r->line,
                       column, t->columns);
    t->rows++;
    return FL_OK;
}

static bool skip_blank(reader *r) {
    size_t n = r->end - r->p >= 2 && r->p[0] == '\r' && r->p[1] == '\n' ? 2 : *r->p == '\n';
    r->p += n;
    return n > 0;
}

static fl_status read_rows(reader *r, table *t) {
    for (; r->p < r->end; r->line++)
        if (!skip_blank(r)) FL_TRY(read_row(r, t));
    if (t->rows == 0) return fl_fail(FL_ERR_INPUT, "'%s' has no rows below its header", r->path);
    return FL_OK;
}

static fl_status take_classes(const conf *c, const table *t, fl_source *s) {
    int64_t *wide = fl_alloc((size_t)t->rows * sizeof *wide);
    fl_status status = FL_OK;
    for (int64_t i = 0; i < t->rows && status == FL_OK; i++) {
        bool whole = t->y[i] == floor(t->y[i]) && fabs(t->y[i]) < INT32_MAX;
        wide[i] = whole ? (int64_t)t->y[i] : -1;
        if (!whole)
            status = fl_fail(FL_ERR_INPUT,
                             "'%s': row %lld: the label %g is no class id; for values to predict "
                             "say `label_type: number`",
                             c->file, (long long)i, t->y[i]);
    }
    if (status == FL_OK) status = fl_source_set_labels(s, c->file, wide, t->rows);
    fl_free(wide);
    return status;
}

static fl_status take_numbers(const table *t, fl_source *s) {
    s->target = FL_TARGET_VECTOR;
    s->classes = 1;
    s->vector = fl_alloc((size_t)t->rows * sizeof *s->vector);
    s->bytes += (size_t)t->rows * sizeof *s->vector;
    for (int64_t i = 0; i < t->rows; i++) s->vector[i] = (float)t->y[i];
    return FL_OK;
}

static fl_status read_table(const fl_source_conf *sc, const conf *c, const fl_text *text,
                            table *t) {
    bool bom = text->len >= 3 && memcmp(text->s, "\xef\xbb\xbf", 3) == 0;
    reader r = {.path = c->file, .p = text->s + 3 * bom, .end = text->s + text->len, .line = 1};
    fl_status status = read_header(&r, t);
    if (status == FL_OK) status = find_label(c->file, fl_node_get(sc->node, "label"), c->label, t);
    if (status == FL_OK) status = read_rows(&r, t);
    fl_free(r.field.s);
    return status;
}

static fl_status read_file(const fl_source_conf *sc, const conf *c, table *t, fl_source *s) {
    fl_text text = {0};
    FL_TRY(fl_data_read_file(c->file, &text));
    fl_status status = read_table(sc, c, &text, t);
    fl_source_hash(s, c->file, text.s, text.len);
    fl_source_hash(s, c->label, &c->label_type, sizeof c->label_type);
    fl_free(text.s);
    return status;
}

static fl_status open_csv(const fl_source_conf *sc, fl_source *s) {
    conf c;
    table t = {0};
    if (fl_node_kind_of(sc->node) != FL_NODE_MAP)
        return fl_node_error(sc->node, "csv wants {file: FILE, label: COLUMN} here");
    FL_TRY(fl_fields_parse(sc->node, "a csv set", fields, NULL, &c));
    fl_status status = read_file(sc, &c, &t, s);
    if (status == FL_OK) status = c.label_type == 0 ? take_classes(&c, &t, s) : take_numbers(&t, s);
    s->state = t.x;
    s->rows = t.rows;
    s->shape = fl_shape1(t.columns - 1);
    s->bytes += (size_t)t.cap * fl_shape_size(s->shape) * sizeof *t.x;
    for (int i = 0; i < t.columns; i++) fl_free(t.column[i]);
    fl_free(t.column);
    fl_free(t.y);
    return status;
}

static fl_status read_csv(const fl_source *s, int64_t i, fl_image *image) {
    image->values = (const float *)s->state + (size_t)i * fl_shape_size(s->shape);
    image->pixels = NULL;
    return FL_OK;
}

static void close_csv(fl_source *s) {
    fl_free(s->state);
}

const fl_dataset_ops fl_dataset_csv = {
    .name = "csv", .open = open_csv, .read = read_csv, .close = close_csv};
