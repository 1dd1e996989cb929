/* checkpoint.h: folders of files that are there whole or not at all. `<dir>/step-N/` holds the
 * files and manifest.json with each file's size and hash; `<dir>/latest` and `<dir>/best` are
 * symbolic links to such folders. What the files mean is the affair of who writes them. Not
 * collective: one rank writes. */
#ifndef FROSTLINE_CHECKPOINT_H
#define FROSTLINE_CHECKPOINT_H

#include "frostline/base.h"

typedef struct fl_checkpoint_file {
    const char *name; /* "model.safetensors" */
    fl_status (*write)(const char *path, void *context);
    void *context;
} fl_checkpoint_file;

/* Writes `<dir>/.step-N.tmp/`, fsyncs every file, the manifest and the folder, renames it to
 * `<dir>/step-N`, then points `latest` at it. A step-N that is there already is replaced.
 * Whatever fails (a full disk: FL_ERR_IO; a file's write: its status) leaves what was there. */
fl_status fl_checkpoint_save(const char *dir, int64_t step, int n, const fl_checkpoint_file *files);
/* Points `<dir>/<name>` at step-N, atomically. */
fl_status fl_checkpoint_link(const char *dir, const char *name, int64_t step);
/* Removes all step folders but the newest `keep_last` and those that a link points to; also
 * what a crash left: .tmp folders go, an earlier step-N that was put aside comes back. */
fl_status fl_checkpoint_prune(const char *dir, int64_t keep_last);
/* Every file of the manifest is there with its size and hash, or FL_ERR_INPUT names the file. */
fl_status fl_checkpoint_verify(const char *folder);
/* The newest step folder of dir that verifies, its path in *folder (caller frees) and step in
 * *step; damaged ones are passed over with a warning that names them. *folder is NULL
 * and *step -1 if there is none; FL_ERR_INPUT if all are damaged. */
fl_status fl_checkpoint_newest(const char *dir, char **folder, int64_t *step);
/* A checkpoint by the user's word: a step folder, a `checkpoints` or run folder (then its newest),
 * or `best`/`latest`/`step-N` under dir, itself a `checkpoints` or a run folder. It was verified;
 * FL_ERR_INPUT says what is damaged, or which ones there are. Caller frees. */
fl_status fl_checkpoint_find(const char *dir, const char *word, char **folder);

#endif
