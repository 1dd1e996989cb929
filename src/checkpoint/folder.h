/* folder.h: what lies in a folder of checkpoints, and what makes one whole. */
#ifndef FROSTLINE_CHECKPOINT_FOLDER_H
#define FROSTLINE_CHECKPOINT_FOLDER_H

#include "frostline/checkpoint.h"

#define FL_MANIFEST "manifest.json"

/* What is in a folder of checkpoints. Start from {0}; fl_listing_free ends it. */
typedef struct fl_listing {
    int64_t *steps; /* of the folders step-N, newest first */
    char **links;   /* names of symbolic links, sorted */
    char **rests;   /* names of what a crash left: .step-N.tmp, .step-N.old, .link-NAME.tmp */
    int n_steps, n_links, n_rests;
} fl_listing;

fl_status fl_listing_read(const char *dir, fl_listing *l); /* a missing dir is an empty one */
void fl_listing_free(fl_listing *l);
/* "there are best, latest, step-20, step-10" or "there are none"; caller frees */
char *fl_listing_text(const fl_listing *l);

/* The N of "step-N", in the one way that N is written. */
bool fl_step_parse(const char *name, int64_t *step);
char *fl_step_folder(const char *dir, int64_t step);                     /* caller frees */
char *fl_step_hidden(const char *dir, int64_t step, const char *ending); /* .step-N.<ending> */
/* The step that the link <dir>/<name> points to. */
bool fl_step_linked(const char *dir, const char *name, int64_t *step);

typedef struct fl_digest {
    int64_t bytes;
    uint64_t xxh3; /* of the whole file, as `xxhsum -H3` prints it */
} fl_digest;
fl_status fl_digest_file(const char *path, fl_digest *digest);

/* Writes <folder>/manifest.json about the files that lie in it. */
fl_status fl_manifest_write(const char *folder, int64_t step, int n,
                            const fl_checkpoint_file *files);

/* fl_message() without the "error: " in front, for use within another message. */
const char *fl_reason(void);

#endif
