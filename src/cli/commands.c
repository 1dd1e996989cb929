/* The table of commands, and help made from it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const fl_command fl_commands[] = {
    {"train",
     "CONFIG [section.key=value …] [--run-dir DIR] [--resume[=auto|DIR]] [--progress "
     "auto|bar|plain|none] [--dry-run]",
     "train; under mpirun or srun with as many ranks as they start", true, fl_cli_train},
    {"eval", "CONFIG [--weights FILE | --checkpoint DIR|best|latest] [--run-dir DIR] [--json]",
     "loss, accuracy and confusion matrix on the validation set", true, fl_cli_eval},
    {"predict",
     "CONFIG [--weights FILE | --checkpoint DIR|best|latest] [--labels FILE] [--json] IMAGE… | "
     "--data "
     "X.safetensors --output Y.safetensors",
     "the five likeliest classes of each image, or the logits of a tensor", true, fl_cli_predict},
    {"summary", "CONFIG", "the layers, their shapes and parameters, what trains and what is frozen",
     false, fl_cli_summary},
    {"plan",
     "CONFIG [--np N] [--nodes N | --hosts FILE|virtual[:NAME]] [--phase I] [--measure] [--network "
     "1gbit|25gbit|measured|FILE] [--what-if] [--json]",
     "what will run, what will be sent, what it will take; measured here, also how long, and at "
     "every depth of freezing",
     false, fl_cli_plan},
    {"slurm",
     "CONFIG [section.key=value …] [none | until:LAYER | NAME:section.key=value …] [--nodes N] "
     "[--tasks-per-node K] [--cpus-per-task C] [--time T] [--notice SECONDS] [--partition P] "
     "[--run-dir DIR]",
     "prints a job for sbatch; with freeze rules, an array of one run for each", false,
     fl_cli_slurm},
    {"validate", "CONFIG", "every error of a config at once", false, fl_cli_validate},
    {"config", "CONFIG | --defaults | --schema",
     "the resolved config; all options with defaults; their JSON schema", false, fl_cli_config},
    {"inspect", "FILE [--json] [--verify]", "the tensors of a weight file", false, fl_cli_inspect},
    {"convert",
     "IN OUT [--names frostline|torchvision|keras] [--dtype float32|float16|bfloat16] [--tensor "
     "NAME] [--bgr] [--flatten LAYER=CHANNELS,...]",
     "a weight file in another format (safetensors, npy), number format, or with a base's tensors "
     "named as others do; IN may be Keras's .h5: --bgr turns the channels of its first convolution "
     "round, --flatten says of which image a dense layer's features are a list",
     false, fl_cli_convert},
    {"sample", "CONFIG --row N --output IMAGE.png",
     "writes an image of the validation set to a file, and names its class", false, fl_cli_sample},
    {"bench",
     "conv [CONFIG] [--rows N] [--repeat N] | gemm [--rows N] [--repeat N] | error [CONFIG] "
     "[--rows N] | allreduce [--min "
     "BYTES] "
     "[--max BYTES] [--factor N] [--repeat N] | step CONFIG [--steps N] [--warmup N] | layers "
     "CONFIG "
     "[--rows N[,N]] [--steps N] | network [--repeat N]; each [--json]",
     "times a net's convolutions, matrix products, sums over the ranks, a training step, each "
     "layer, the network between nodes; or measures rounding errors",
     true, fl_cli_bench},
    {"study",
     "CONFIG [--np 1,2,4] [--freeze none,head,config,until:LAYER,KEY=VALUE] [--steps N] [--mode "
     "strong|weak] [--hosts FILE|virtual[:NAME]] [--repeat N] [--run-dir DIR] [--gnuplot] "
     "[--simulate 16,64,256,1024 [--network 1gbit|25gbit|measured|FILE]] | CONFIG --collect RUNS",
     "runs a grid of rank counts and freeze rules; tables, plots and a CSV of what they cost",
     false, fl_cli_study},
    {"simulate", "STEP.json [--network 1gbit|25gbit|FILE] [--json]",
     "what a step would take on ranks that are not there, from the times of its parts", false,
     fl_cli_simulate},
    {"ls", "", "the configs that come with Frostline", false, fl_cli_ls},
    {"cp", "NAME FILE", "copies one of them, to start from", false, fl_cli_cp},
    {"info", "", "version, libraries, kernels and formats of this build", false, fl_cli_info},
    {"help", "[COMMAND]", "this page, or a command's", false, fl_cli_help},
    {NULL, NULL, NULL, false, NULL},
};

const fl_command *fl_command_find(const char *name) {
    for (const fl_command *c = fl_commands; c->name; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

fl_status fl_command_unknown(const char *name) {
    const char *names[FL_COUNT(fl_commands)];
    size_t n = 0;
    for (const fl_command *c = fl_commands; c->name; c++) names[n++] = c->name;
    const char *near = fl_nearest(name, names, n);
    return fl_fail(FL_ERR_CONFIG, "unknown command '%s'%s%s%s", name,
                   near ? "; did you mean '" : "; see 'frostline help'", near ? near : "",
                   near ? "'?" : "");
}

static void print_all(void) {
    printf("usage: frostline COMMAND …\n\n");
    for (const fl_command *c = fl_commands; c->name; c++) printf("  %-9s %s\n", c->name, c->help);
    printf("\nEvery command that takes a CONFIG also takes overrides: train.epochs=3, "
           "model.input=[32,32,3], ~freeze.until\n"
           "and the flags --color auto|always|never and --help. Several ranks: mpirun -np 4 "
           "frostline train CONFIG\n"
           "exit codes: 0 ok, 1 internal, 2 usage or config, 3 bad input, 4 non-finite loss, 5 "
           "I/O, disk or memory,\n"
           "            6 ranks disagree or a frozen weight changed, 7 hang, 75 stopped and "
           "resumable, 130 interrupted twice\n");
}

fl_status fl_cli_help(fl_comm *c, int argc, char **argv) {
    (void)c;
    if (argc < 2) {
        print_all();
        return FL_OK;
    }
    const fl_command *command = fl_command_find(argv[1]);
    if (!command) return fl_command_unknown(argv[1]);
    printf("usage: frostline %s %s\n\n%s\n", command->name, command->usage, command->help);
    return FL_OK;
}
