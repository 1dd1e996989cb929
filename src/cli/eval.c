/* frostline eval */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const fl_eval_result *e) {
    json_t *o = json_object(), *rows = json_array();
    json_object_set_new(o, "rows", json_integer(e->rows));
    json_object_set_new(o, "loss", number(e->loss));
    json_object_set_new(o, "accuracy", number(e->accuracy));
    json_object_set_new(o, "top5_accuracy", number(e->top5));
    for (int i = 0; e->confusion && i < e->classes; i++) {
        json_t *row = json_array();
        for (int j = 0; j < e->classes; j++)
            json_array_append_new(row, json_integer(e->confusion[i * e->classes + j]));
        json_array_append_new(rows, row);
    }
    if (e->confusion) json_object_set(o, "confusion", rows);
    json_decref(rows);
    char *text = json_dumps(o, JSON_COMPACT);
    puts(text);
    fl_free(text);
    json_decref(o);
}

static void print_confusion(const fl_eval_result *e) {
    printf("\nconfusion (row: truth, column: prediction)\n");
    for (int i = 0; i < e->classes; i++) {
        for (int j = 0; j < e->classes; j++)
            printf("%7lld", (long long)e->confusion[i * e->classes + j]);
        printf("\n");
    }
}

static void print_text(const fl_eval_result *e) {
    printf("rows %lld  loss %.4f", (long long)e->rows, e->loss);
    if (isfinite(e->accuracy)) printf("  accuracy %.4f", e->accuracy);
    if (isfinite(e->top5)) printf("  top-5 %.4f", e->top5);
    printf("\n");
    if (e->confusion && e->classes <= 20) print_confusion(e);
}

static fl_status evaluate(fl_comm *c, fl_experiment *x, const fl_which *which, bool json) {
    char *file;
    fl_eval_result e;
    FL_TRY(fl_comm_agree(c, fl_cli_weights(x, which, &file)));
    fl_status status = fl_evaluate(c, x, file, &e);
    fl_free(file);
    FL_TRY(status);
    if (fl_comm_rank(c) == 0) (json ? print_json : print_text)(&e);
    fl_free(e.confusion);
    if (isfinite(e.loss)) return FL_OK;
    return fl_fail(FL_ERR_NONFINITE, "the loss is not finite; look for NaN or infinity in the "
                                     "validation set, then in the weights");
}

fl_status fl_cli_eval(fl_comm *c, int argc, char **argv) {
    fl_which which = {0};
    bool json = false;
    const fl_option options[] = {
        {"weights", &which.weights, NULL, NULL},
        {"checkpoint", &which.checkpoint, NULL, NULL},
        {"run-dir", &which.run_dir, NULL, NULL},
        {"json", NULL, NULL, &json},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli;
    FL_TRY(fl_cli_open(c, argc, argv, options, 0, &cli));
    fl_status status = evaluate(c, cli.x, &which, json);
    fl_cli_close(&cli);
    return status;
}
