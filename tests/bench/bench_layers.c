/* bench_layers: forward and backward of single layers as a training step calls them, all gradients
 * wanted.
 *
 *   bench_layers REPEATS <CASES      of layers.txt; OMP_NUM_THREADS as everywhere
 *
 * Prints `NAME forward backward`, median seconds, one line a case. As in a step, what a layer
 * writes first is not cleared; clearing the rest is counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frostline/config.h"
#include "frostline/conv.h"
#include "frostline/layer.h"

typedef struct subject {
    const fl_layer_ops *ops;
    fl_config *config;
    void *conf;
    fl_layer_plan plan;
    fl_layer_call call;
    fl_conv_choice conv;
    int64_t *sample;
} subject;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *filled(size_t n) {
    float *v = fl_alloc_pages((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)(i * 2654435761u >> 8 & 1023) / 512 - 1;
    return v;
}

static void sum_alone(void *context, double *v, size_t n) {
    (void)context, (void)v, (void)n;
}

static size_t param_size(const fl_param_spec *p) {
    size_t n = 1;
    for (int k = 0; k < p->n; k++) n *= (size_t)p->d[k];
    return n;
}

static void fill_params(subject *s) {
    for (int i = 0; i < s->plan.n_params; i++) {
        const fl_param_spec *p = &s->plan.param[i];
        float *v = filled(param_size(p));
        for (size_t k = 0; k < param_size(p); k++) v[k] = p->buffer ? 1 : 0.1f * v[k];
        s->call.param[i] = v;
        if (p->buffer)
            s->call.buffer[i] = v;
        else
            s->call.grad[i] = filled(param_size(p));
    }
}

/* Floats of work; a convolution is given what runs it. */
static size_t choose(subject *s, int rows) {
    fl_fusion f = s->ops->fusion ? s->ops->fusion(s->conf, s->call.in_shape[0]) : (fl_fusion){0};
    size_t own = s->plan.work_bytes / sizeof(float) + 1;
    if (f.kind != FL_FUSION_CONV) return own;
    s->conv = fl_conv_choose(s->call.kernels, &f.geometry, rows, NULL);
    s->call.conv = &s->conv;
    return own + fl_conv_choice_work(s->call.kernels, &f.geometry, rows, &s->conv);
}

static void fill_call(subject *s, int rows) {
    fl_layer_call *c = &s->call;
    size_t out = (size_t)rows * fl_shape_size(s->plan.out);
    c->conf = s->conf, c->rows = rows, c->global_rows = rows, c->training = true;
    c->out_shape = s->plan.out, c->out = filled(out), c->dout = filled(out);
    c->saved = filled(s->plan.saved_bytes / sizeof(float) + 1);
    c->work = filled(choose(s, rows));
    c->sum = sum_alone;
    c->sample = s->sample = fl_alloc((size_t)rows * sizeof(int64_t));
    for (int i = 0; i < c->n_in; i++) {
        c->in[i] = filled((size_t)rows * fl_shape_size(c->in_shape[i]));
        c->din[i] = filled((size_t)rows * fl_shape_size(c->in_shape[i]));
    }
    fill_params(s);
}

static bool open_subject(subject *s, const char *layer, const char *options, int rows) {
    char *text = fl_format("layer: %s\n", options);
    s->ops = fl_layer_find(layer);
    bool fine = s->ops && fl_config_parse("case", text, 0, NULL, &s->config) == FL_OK;
    fl_free(text);
    if (!fine) return false;
    s->conf = fl_alloc(s->ops->conf_size + 1);
    fl_node *map = fl_node_get(fl_config_root(s->config), "layer");
    if (fl_fields_parse(map, "layer", s->ops->fields, NULL, s->conf) != FL_OK ||
        fl_kernels_select(&s->call.kernels) != FL_OK ||
        !s->ops->plan(s->conf, s->call.in_shape, s->call.n_in, rows, &s->plan))
        return false;
    fill_call(s, rows);
    return true;
}

static void close_subject(subject *s) { /* the pages go with the process */
    fl_free(s->sample);
    fl_free(s->conf);
    fl_config_close(s->config);
}

static void clear_gradients(subject *s) {
    fl_layer_call *c = &s->call;
    for (int i = 0; i < c->n_in; i++) {
        c->fresh[i] = s->ops->writes_din;
        if (!c->fresh[i])
            memset(c->din[i], 0, (size_t)c->rows * fl_shape_size(c->in_shape[i]) * sizeof(float));
    }
    c->first = true;
    for (int i = 0; i < s->plan.n_params && !s->ops->writes_first; i++)
        if (c->grad[i]) memset(c->grad[i], 0, param_size(&s->plan.param[i]) * sizeof(float));
}

static double measure(subject *s, bool back, int repeats) {
    double *t = fl_alloc((size_t)repeats * sizeof *t);
    for (int i = -1; i < repeats; i++) { /* the first one is not counted */
        s->ops->forward(&s->call);
        double start = seconds();
        if (back) {
            clear_gradients(s);
            s->ops->backward(&s->call);
        } else {
            s->ops->forward(&s->call);
        }
        if (i >= 0) t[i] = seconds() - start;
    }
    double median = fl_quantile(repeats, t, sizeof *t, 0.5);
    fl_free(t);
    return median;
}

/* "HxWxC" or "F", and several with a plus between them. */
static int parse_shapes(char *text, fl_shape *in) {
    int n = 0;
    for (char *one = strtok(text, "+"); one && n < FL_MAX_INPUTS; one = strtok(NULL, "+")) {
        fl_shape s = {0};
        for (char *at = one; s.n < 3; at++) {
            s.d[s.n++] = strtol(at, &at, 10);
            if (*at != 'x') break;
        }
        in[n++] = s;
    }
    return n;
}

/* NAME LAYER ROWS SHAPES OPTIONS */
static bool run_case(char *line, int repeats) {
    char name[64], layer[64], shapes[128], options[256];
    int rows;
    subject s = {0};
    if (sscanf(line, "%63s %63s %d %127s %255[^\n]", name, layer, &rows, shapes, options) != 5)
        return false;
    s.call.n_in = parse_shapes(shapes, s.call.in_shape);
    if (!open_subject(&s, layer, options, rows)) return false;
    double forward = measure(&s, false, repeats), backward = measure(&s, true, repeats);
    printf("%s %.6g %.6g\n", name, forward, backward);
    close_subject(&s);
    return true;
}

int main(int argc, char **argv) {
    char line[1024];
    const char *threads = getenv("OMP_NUM_THREADS");
    fl_blas_set_threads(threads ? atoi(threads) : 1);
    while (fgets(line, sizeof line, stdin))
        if (*line != '#' && *line != '\n' && !run_case(line, argc > 1 ? atoi(argv[1]) : 5)) {
            fprintf(stderr, "cannot run %s", line);
            return 1;
        }
    return 0;
}
