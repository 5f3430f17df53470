// Lists issues of a GitHub repository. There is no token in here: the host adds it where a person granted it.

#include <stdio.h>

#include "hotcell.h"

static const char *const states[] = {
    [TOOL_STATE_OPEN] = "open",
    [TOOL_STATE_CLOSED] = "closed",
    [TOOL_STATE_ALL] = "all",
};

bool exports_tool_list_issues(tool_string_t *owner, tool_string_t *repo, tool_state_t *state, uint32_t *limit,
                              tool_string_t *ret, tool_string_t *err) {
  uint32_t count = limit == NULL ? 30 : *limit;
  char page[12];
  snprintf(page, sizeof page, "%u", (unsigned)(count < 1 ? 1 : count > 100 ? 100 : count));

  hotcell_request_t request;
  hotcell_request(&request, HOTCELL_TOOL_HTTP_METHOD_GET, "github");
  hotcell_segment(&request, hotcell_string("repos"));
  hotcell_segment(&request, *owner);
  hotcell_segment(&request, *repo);
  hotcell_segment(&request, hotcell_string("issues"));
  hotcell_query(&request, "state", hotcell_string(states[state == NULL ? TOOL_STATE_OPEN : *state]));
  hotcell_query(&request, "per_page", hotcell_string(page));

  hotcell_tool_http_response_t response;
  if (!hotcell_send(&request, &response)) {
    tool_string_dup(err, request.problem);
    return false;
  }
  if (response.status >= 400) {
    char text[64];
    snprintf(text, sizeof text, "the server answered with status %u", (unsigned)response.status);
    tool_string_dup(err, text);
    return false;
  }
  if (!hotcell_body(&response, ret)) {
    tool_string_dup(err, "the response is not UTF-8");
    return false;
  }
  return true;
}
