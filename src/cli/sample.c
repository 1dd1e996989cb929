/* frostline sample */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static fl_status write_row(const fl_dataset *d, int64_t row, const char *path) {
    FL_TRY(fl_dataset_write_picture(d, row, path));
    int label = fl_dataset_label(d, row);
    const char *name = fl_dataset_class_name(d, label);
    printf("%s: row %lld", path, (long long)row);
    if (label >= 0) printf(", class %d%s%s", label, name ? " " : "", name ? name : "");
    printf("\n");
    return FL_OK;
}

static fl_status sample(const fl_experiment *x, const char *row, const char *output) {
    fl_data *data;
    char *end;
    if (!row || !output)
        return fl_fail(FL_ERR_CONFIG, "'frostline sample' needs --row N and --output IMAGE.png");
    long long n = strtoll(row, &end, 10);
    if (*end || end == row || n < 0)
        return fl_fail(FL_ERR_CONFIG, "option '--row' cannot be '%s'; it is a number from 0", row);
    size_t length = strlen(output);
    if (length < 5 || strcmp(output + length - 4, ".png") != 0)
        return fl_fail(FL_ERR_CONFIG,
                       "option '--output' cannot be '%s'; images are written as .png", output);
    FL_TRY(fl_data_open(&x->data, fl_config_section(x->config, "data"), x->model->input,
                        (uint64_t)x->run.seed, FL_DATA_VALIDATION, &data));
    fl_status status = FL_OK;
    if (!data->validation)
        status = fl_fail(FL_ERR_CONFIG, "'data.validation' is absent: there is no row to show");
    else if (n >= fl_dataset_rows(data->validation))
        status =
            fl_fail(FL_ERR_CONFIG, "there is no row %lld; the validation set has rows 0 to %lld", n,
                    (long long)fl_dataset_rows(data->validation) - 1);
    else
        status = write_row(data->validation, n, output);
    fl_data_close(data);
    return status;
}

fl_status fl_cli_sample(fl_comm *c, int argc, char **argv) {
    (void)c;
    const char *row = NULL, *output = NULL;
    const fl_option options[] = {
        {"row", &row, NULL, NULL}, {"output", &output, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    fl_cli cli;
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    fl_status status = sample(cli.x, row, output);
    fl_cli_close(&cli);
    return status;
}
