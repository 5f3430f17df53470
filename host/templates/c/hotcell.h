// A little comfort over the bindings in tool.h, which `hotcell build` makes of the WIT files: requests without a credential.
//
// Nothing needs to be freed: the memory of a call goes with the call. What an action returns must come from malloc
// (tool_string_dup, hotcell_body), for the bindings free it.
#ifndef HOTCELL_H
#define HOTCELL_H

#include "tool.h"

// A text of C as one of WIT, not copied.
tool_string_t hotcell_string(const char *text);

// A request in the making. Mistakes are kept, and come out of hotcell_send.
typedef struct hotcell_request {
  hotcell_tool_http_method_t method;
  char *url;
  size_t url_length;
  hotcell_tool_http_header_t headers[64];
  size_t headers_length;
  tool_list_u8_t body;
  bool has_body;
  const char *problem;
} hotcell_request_t;

// Begins a request to a service that the operator set up, for instance "github".
void hotcell_request(hotcell_request_t *request, hotcell_tool_http_method_t method, const char *service);

// Adds one segment to the path, percent-encoded. One that could lead elsewhere ("..", empty) is a mistake.
void hotcell_segment(hotcell_request_t *request, tool_string_t segment);

// Adds a parameter to the query, percent-encoded. All segments come before.
void hotcell_query(hotcell_request_t *request, const char *name, tool_string_t value);

// Adds a header. Which names are allowed stands in tool.h at hotcell_tool_http_header_t.
void hotcell_header(hotcell_request_t *request, const char *name, const char *value);

// Sets the body and its type, for instance "application/json".
void hotcell_set_body(hotcell_request_t *request, const char *type, tool_string_t body);

// Sends it. True if an answer came, whatever its status; else `problem` of the request says why, in words for a person.
bool hotcell_send(hotcell_request_t *request, hotcell_tool_http_response_t *response);

// The body as text to return. False if it is not UTF-8: WIT has no other text.
bool hotcell_body(const hotcell_tool_http_response_t *response, tool_string_t *text);

// What one of the host's reasons means, in words.
const char *hotcell_reason(hotcell_tool_http_error_t error);

// A line for the person who runs the tool.
void hotcell_log(hotcell_tool_log_level_t level, const char *message);

#endif
