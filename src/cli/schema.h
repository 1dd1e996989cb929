/* schema.h: pages made from the tables of options. */
#ifndef FROSTLINE_CLI_SCHEMA_H
#define FROSTLINE_CLI_SCHEMA_H

char *fl_cli_schema(void);    /* JSON schema of a whole config; caller frees */
char *fl_cli_reference(void); /* every option with its default, as YAML; caller frees */

#endif
