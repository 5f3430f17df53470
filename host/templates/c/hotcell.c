#include "hotcell.h"

#include <stdlib.h>
#include <string.h>

// Out of memory there is nothing left to do: the call ends.
static void *some(void *memory) {
  if (memory == NULL) __builtin_trap();
  return memory;
}

tool_string_t hotcell_string(const char *text) {
  tool_string_t string;
  tool_string_set(&string, text);
  return string;
}

static void append(hotcell_request_t *request, const void *bytes, size_t length) {
  request->url = some(realloc(request->url, request->url_length + length + 1));
  memcpy(request->url + request->url_length, bytes, length);
  request->url_length += length;
  request->url[request->url_length] = 0;
}

// RFC 3986, section 2.3: unreserved characters stay as they are.
static void append_encoded(hotcell_request_t *request, tool_string_t text) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.ptr[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
    if (plain) append(request, &c, 1);
    else append(request, encoded, 3);
  }
}

void hotcell_request(hotcell_request_t *request, hotcell_tool_http_method_t method, const char *service) {
  memset(request, 0, sizeof *request);
  request->method = method;
  tool_string_t name = hotcell_string(service), origin = {0};
  hotcell_tool_http_error_t error;
  if (hotcell_tool_http_origin(&name, &origin, &error)) append(request, origin.ptr, origin.len);
  else request->problem = hotcell_reason(error);
}

void hotcell_segment(hotcell_request_t *request, tool_string_t segment) {
  bool dots = (segment.len == 1 && segment.ptr[0] == '.') || (segment.len == 2 && memcmp(segment.ptr, "..", 2) == 0);
  bool odd = segment.len == 0 || dots;
  for (size_t i = 0; i < segment.len; i++) odd |= memchr("/\\;", segment.ptr[i], 3) != NULL || segment.ptr[i] < 0x20;
  if (odd && request->problem == NULL) request->problem = "a path segment is empty, a dot segment, or has a separator in it";
  append(request, "/", 1);
  append_encoded(request, segment);
}

void hotcell_query(hotcell_request_t *request, const char *name, tool_string_t value) {
  bool first = request->url == NULL || memchr(request->url, '?', request->url_length) == NULL;
  append(request, first ? "?" : "&", 1);
  append_encoded(request, hotcell_string(name));
  append(request, "=", 1);
  append_encoded(request, value);
}

void hotcell_header(hotcell_request_t *request, const char *name, const char *value) {
  size_t most = sizeof request->headers / sizeof request->headers[0];
  if (request->headers_length == most) {
    if (request->problem == NULL) request->problem = "a request has 64 headers at most";
    return;
  }
  hotcell_tool_http_header_t *header = &request->headers[request->headers_length++];
  header->name = hotcell_string(name);
  header->value = hotcell_string(value);
}

void hotcell_set_body(hotcell_request_t *request, const char *type, tool_string_t body) {
  request->body.ptr = body.ptr;
  request->body.len = body.len;
  request->has_body = true;
  hotcell_header(request, "content-type", type);
}

bool hotcell_send(hotcell_request_t *request, hotcell_tool_http_response_t *response) {
  if (request->problem != NULL) return false;
  hotcell_tool_http_request_t raw = {
      .method = request->method,
      .url = {(uint8_t *)request->url, request->url_length},
      .headers = {request->headers, request->headers_length},
      .body = {request->has_body, request->body},
  };
  hotcell_tool_http_error_t error;
  if (hotcell_tool_http_send(&raw, response, &error)) return true;
  request->problem = hotcell_reason(error);
  return false;
}

// RFC 3629, section 4: how many bytes the character at `at` has; 0 if it is none.
static size_t character(const uint8_t *at, size_t left) {
  uint8_t c = at[0];
  if (c < 0x80) return 1;
  size_t length = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  bool overlong = (c == 0xE0 && at[1] < 0xA0) || (c == 0xF0 && at[1] < 0x90);
  bool none = (c == 0xED && at[1] > 0x9F) || (c == 0xF4 && at[1] > 0x8F);
  return overlong || none ? 0 : length;
}

bool hotcell_body(const hotcell_tool_http_response_t *response, tool_string_t *text) {
  size_t at = 0, length = response->body.len;
  while (at < length) {
    size_t step = character(response->body.ptr + at, length - at);
    if (step == 0) return false;
    at += step;
  }
  tool_string_dup_n(text, (const char *)response->body.ptr, length);
  return true;
}

const char *hotcell_reason(hotcell_tool_http_error_t error) {
  switch (error) {
  case HOTCELL_TOOL_HTTP_ERROR_DENIED: return "not granted to this action";
  case HOTCELL_TOOL_HTTP_ERROR_NEEDS_SIGN_IN: return "a person must sign in, or the token lacks a scope";
  case HOTCELL_TOOL_HTTP_ERROR_BAD_REQUEST: return "the request is malformed";
  case HOTCELL_TOOL_HTTP_ERROR_TOO_LARGE: return "the request or the response is over its limit";
  case HOTCELL_TOOL_HTTP_ERROR_TOO_MANY: return "this call has used up its requests";
  case HOTCELL_TOOL_HTTP_ERROR_TIMED_OUT: return "the time is over";
  case HOTCELL_TOOL_HTTP_ERROR_UNREACHABLE: return "the server cannot be reached";
  case HOTCELL_TOOL_HTTP_ERROR_WITHHELD: return "the response was withheld";
  default: return "the host failed";
  }
}

void hotcell_log(hotcell_tool_log_level_t level, const char *message) {
  tool_string_t text = hotcell_string(message);
  hotcell_tool_log_write(level, &text);
}
