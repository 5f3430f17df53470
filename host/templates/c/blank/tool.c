// Greets.

#include <stdio.h>
#include <stdlib.h>

#include "hotcell.h"

void exports_tool_hello(tool_string_t *name, tool_string_t *ret) {
  hotcell_log(HOTCELL_TOOL_LOG_LEVEL_INFO, "greeting");
  char *text = NULL;
  if (asprintf(&text, "Hello, %.*s!", (int)name->len, (const char *)name->ptr) < 0) abort();
  tool_string_dup(ret, text);
}
