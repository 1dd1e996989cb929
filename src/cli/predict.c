/* frostline predict */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { TOP = 5 };

typedef struct answer {
    int class;
    float probability;
} answer;

/* The likeliest classes first; returns how many. */
static int top_classes(const float *p, int n, answer *top) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        int at = count < TOP ? count++ : TOP;
        while (at > 0 && p[i] > top[at - 1].probability) {
            if (at < TOP) top[at] = top[at - 1];
            at--;
        }
        if (at < TOP) top[at] = (answer){i, p[i]};
    }
    return count;
}

/* Names of classes, from the labels file, else from the config's data, if it can be opened; else
 * the index. */
typedef struct labels {
    fl_data *data;
    char *text;
    const char **line;
    int n;
} labels;

static fl_status read_labels(const char *path, labels *out) {
    FL_TRY(fl_file_read(path, &out->text, NULL));
    for (char *p = strtok(out->text, "\n"); p; p = strtok(NULL, "\n")) {
        out->line = fl_resize(out->line, (size_t)(out->n + 1) * sizeof *out->line);
        out->line[out->n++] = p;
    }
    return FL_OK;
}

static void open_names(const fl_experiment *x, labels *out) {
    fl_config *c = x->config;
    fl_status status = fl_data_open(&x->data, fl_config_section(c, "data"), x->model->input,
                                    (uint64_t)x->run.seed, FL_DATA_TRAIN, &out->data);
    if (status != FL_OK)
        out->data = NULL; /* a net can name classes by number where its data is not at hand */
}

static char *class_name(const labels *names, int i) {
    const char *name = i < names->n ? names->line[i] : NULL;
    if (!name && names->data && names->data->train)
        name = fl_dataset_class_name(names->data->train, i);
    return name ? fl_strdup(name) : fl_format("class %d", i);
}

static json_t *answer_json(const labels *names, const answer *a) {
    char *raw = class_name(names, a->class), *name = fl_utf8_repair(raw);
    fl_free(raw);
    json_t *o = json_pack("{s:s, s:i, s:f}", "class", name, "index", a->class, "probability",
                          (double)a->probability);
    fl_free(name);
    return o;
}

static json_t *image_json(const char *file, const labels *names, const answer *top, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, answer_json(names, &top[i]));
    char *clean = fl_utf8_repair(file);
    json_t *o = json_pack("{s:s, s:o}", "file", clean, "top", list);
    fl_free(clean);
    return o;
}

static void image_text(const char *file, const labels *names, const answer *top, int n) {
    printf("%s\n", file);
    for (int i = 0; i < n; i++) {
        char *name = class_name(names, top[i].class);
        printf("  %6.2f %%  %s\n", 100.0 * top[i].probability, name);
        fl_free(name);
    }
}

static fl_status predict_image(fl_experiment *x, fl_predictor *p, const char *file,
                               const labels *names, json_t *all) {
    int n = fl_predictor_outputs(p);
    float *input = fl_alloc(fl_shape_size(x->model->input) * sizeof *input),
          *logits = fl_alloc((size_t)n * sizeof *logits);
    answer top[TOP];
    fl_status status = fl_data_read_image(&x->data, fl_config_section(x->config, "data"),
                                          x->model->input, file, input);
    if (status == FL_OK) {
        fl_predictor_run(p, 1, input, logits);
        fl_probabilities(x, logits, n);
        int count = top_classes(logits, n, top);
        if (all)
            json_array_append_new(all, image_json(file, names, top, count));
        else
            image_text(file, names, top, count);
    }
    fl_free(input);
    fl_free(logits);
    return status;
}

static fl_status predict_images(fl_experiment *x, fl_predictor *p, const fl_arguments *a,
                                const char *file, bool json) {
    json_t *all = json ? json_array() : NULL;
    labels names = {0};
    fl_status status = file ? read_labels(file, &names) : FL_OK;
    if (status == FL_OK && !file) open_names(x, &names);
    for (int i = 0; i < a->n_words && status == FL_OK; i++)
        status = predict_image(x, p, a->word[i], &names, all);
    if (status == FL_OK && json) {
        char *text = json_dumps(all, JSON_COMPACT);
        puts(text);
        fl_free(text);
    }
    json_decref(all);
    fl_data_close(names.data);
    fl_free(names.text);
    fl_free(names.line);
    return status;
}

static fl_status check_shape(const fl_model *m, const fl_tensor_info *t, const char *path) {
    char shape[64];
    bool fits = t && t->n == m->input.n + 1;
    for (int i = 0; fits && i < m->input.n; i++) fits = t->d[i + 1] == m->input.d[i];
    if (fits) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "'%s' %s; it must hold a tensor 'x' of rows of %s, channels last",
                   path, t ? "holds 'x' of another shape" : "lacks the tensor 'x'",
                   fl_shape_text(m->input, shape));
}

static fl_status predict_rows(fl_predictor *p, const fl_weights *w, const fl_tensor_info *t,
                              const char *output) {
    int n = fl_predictor_outputs(p);
    size_t rows = (size_t)t->d[0];
    float *input = fl_alloc(t->count * sizeof *input),
          *logits = fl_alloc(rows * (size_t)n * sizeof *logits);
    fl_status status = fl_tensor_read_float(w, t, input);
    if (status == FL_OK) {
        fl_predictor_run(p, (int64_t)rows, input, logits);
        fl_tensor_info out = {
            .name = "logits", .dtype = FL_F32, .n = 2, .d = {(int64_t)rows, n}, .data = logits};
        status = fl_weights_write(output, 1, &out, 0, NULL);
    }
    fl_free(input);
    fl_free(logits);
    return status;
}

static fl_status predict_tensor(fl_experiment *x, fl_predictor *p, const char *data,
                                const char *output) {
    fl_weights *w;
    FL_TRY(fl_weights_open(data, &w));
    const fl_tensor_info *t = fl_weights_find(w, "x");
    fl_status status = check_shape(x->model, t, data);
    if (status == FL_OK) status = predict_rows(p, w, t, output);
    fl_weights_close(w);
    return status;
}

typedef struct request {
    fl_which which;
    const char *data, *output, *labels;
    bool json;
} request;

static fl_status check(fl_comm *c, const fl_cli *cli, const request *r) {
    if (fl_comm_size(c) > 1)
        return fl_fail(FL_ERR_CONFIG,
                       "'frostline predict' runs on one rank; start it without mpirun");
    if (!r->data != !r->output)
        return fl_fail(FL_ERR_CONFIG,
                       "--data X.safetensors and --output Y.safetensors go together");
    if (!r->data && cli->args.n_words == 0)
        return fl_fail(FL_ERR_CONFIG, "name the images to predict, or --data X.safetensors");
    if (r->data && cli->args.n_words > 0)
        return fl_fail(FL_ERR_CONFIG, "give images or --data, not both");
    return FL_OK;
}

/* What is read is not written over. */
static fl_status check_output(const fl_experiment *x, const request *r, const char *weights) {
    const char *read[] = {r->data, weights, x->model_conf.weights};
    for (size_t i = 0; i < FL_COUNT(read); i++)
        if (r->output && read[i] && fl_same_file(r->output, read[i]))
            return fl_fail(FL_ERR_CONFIG,
                           "option '--output' cannot be '%s', which is read; name another file",
                           r->output);
    return FL_OK;
}

static fl_status predict(fl_comm *c, fl_cli *cli, const request *r) {
    char *file;
    fl_predictor *p;
    FL_TRY(check(c, cli, r));
    FL_TRY(fl_cli_weights(cli->x, &r->which, &file));
    fl_status status = check_output(cli->x, r, file);
    if (status == FL_OK) status = fl_predictor_open(c, cli->x, file, &p);
    fl_free(file);
    FL_TRY(status);
    status = r->data ? predict_tensor(cli->x, p, r->data, r->output)
                     : predict_images(cli->x, p, &cli->args, r->labels, r->json);
    fl_predictor_close(p);
    return status;
}

fl_status fl_cli_predict(fl_comm *c, int argc, char **argv) {
    request r = {0};
    const fl_option options[] = {
        {"weights", &r.which.weights, NULL, NULL},
        {"checkpoint", &r.which.checkpoint, NULL, NULL},
        {"run-dir", &r.which.run_dir, NULL, NULL},
        {"data", &r.data, NULL, NULL},
        {"output", &r.output, NULL, NULL},
        {"labels", &r.labels, NULL, NULL},
        {"json", NULL, NULL, &r.json},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli;
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 1 << 20, &cli));
    fl_status status = predict(c, &cli, &r);
    fl_cli_close(&cli);
    return status;
}
