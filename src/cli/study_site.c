/* What a study measures before its runs, to foretell their steps. */
#include <string.h>

#include "cli/site.h"
#include "cli/study.h"

/* What is measured belongs to this config on these hosts; another grid finds it again. */
fl_status fl_study_site(const fl_study_conf *c, const fl_experiment *x, fl_site **out) {
    uint64_t key = fl_site_hash(c->hosts, fl_hash(c->config_text, strlen(c->config_text), 0));
    char *dir = fl_format("%s/speeds-%016llx", c->dir, (unsigned long long)key);
    fl_site_conf conf = {.hosts = c->hosts,
                         .config = c->config,
                         .n_overrides = c->n_overrides,
                         .override = c->override,
                         .dir = dir,
                         .weak = c->weak,
                         .n_np = c->n_np,
                         .np = c->np};
    fl_status status = fl_site_open(&conf, x, out);
    fl_free(dir);
    return status;
}
