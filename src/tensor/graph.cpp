#include <unordered_map>

#include "autograd/walk.hpp"
#include "base/messages.hpp"
#include "base/utf8.hpp"
#include "gradus/debug.hpp"

namespace gradus {

using detail::Node;

namespace {

enum class Kind { operation, parameter, constant };

struct Vertex {
  Kind kind;
  std::vector<std::string> lines;
  std::vector<std::size_t> inputs;
};

/// The text with every line break, and the indent after it, as one space.
std::string in_one_line(const Tensor& x) {
  std::string flat;
  bool indent = false;
  for (const char c : to_string(x)) {
    if (c == '\n' && !indent) flat += ' ';
    indent = c == '\n' || (indent && c == ' ');
    if (!indent) flat += c;
  }
  return flat;
}

std::vector<std::string> lines_of(Node* n, const std::string& name, const GraphOptions& options) {
  const Tensor x = Node::share(n);
  std::string title = n->record          ? n->record->name
                      : n->released      ? "freed"
                      : n->requires_grad ? "leaf"
                                         : "constant";
  if (!name.empty())
    title = n->record ? printable_lines(name) + " = " + title : printable_lines(name);
  std::vector<std::string> lines = {title, to_string(x.shape()) + " " + name_of(x.dtype())};
  if (n->numel > options.max_values || n->numel == 0) return lines;
  lines.push_back(in_one_line(x));
  if (options.gradients && n->grad) lines.push_back("grad " + in_one_line(Node::share(n->grad)));
  return lines;
}

std::vector<Vertex> vertices_of(const Tensor& root, const GraphOptions& options) {
  std::unordered_map<const Node*, std::string> names;
  for (const auto& [name, tensor] : options.names) names[detail::node(tensor)] = name;
  std::unordered_map<const Node*, std::size_t> places;
  std::vector<Vertex> vertices;
  for (Node* n : detail::ancestors({root}, {}, options.constants)) {
    const auto named = names.find(n);
    Vertex v{n->record          ? Kind::operation
             : n->requires_grad ? Kind::parameter
                                : Kind::constant,
             lines_of(n, named == names.end() ? "" : named->second, options),
             {}};
    if (n->record)
      for (std::uint32_t i = 0; i < n->record->arity; ++i)
        if (const auto found = places.find(Node::of(n->record->edges()[i].input));
            found != places.end())
          v.inputs.push_back(found->second);
    places[n] = vertices.size();
    vertices.push_back(std::move(v));
  }
  return vertices;
}

/// The lines with `separator` between them, each character replaced by `escape`.
template <class Escape>
std::string label(const Vertex& v, const char* separator, Escape escape) {
  std::string text;
  for (std::size_t i = 0; i < v.lines.size(); ++i) {
    if (i) text += separator;
    for (const char c : v.lines[i]) text += escape(c);
  }
  return text;
}

std::string escape_dot(char c) {
  if (c == '"' || c == '\\') return {'\\', c};
  return c == '\n' ? "\\n" : std::string(1, c);
}

/// Mermaid reads #number; as a character; these have a meaning of their own in labels.
std::string escape_mermaid(char c) {
  static const std::string special = "\"#%&;<>\\`[]{}()|*_";
  if (c == '\n') return "<br/>";
  if (special.find(c) == std::string::npos) return std::string(1, c);
  return compose("#", static_cast<int>(c), ";");
}

}  // namespace

std::string to_dot(const Tensor& root, const GraphOptions& options) {
  static const char* const styles[] = {"shape=box, style=rounded",
                                       "shape=box, style=filled, fillcolor=\"#cfe8ff\"",
                                       "shape=box, style=filled, fillcolor=\"#eeeeee\""};
  std::string text = "digraph gradus {\n  node [fontname=\"Helvetica\", fontsize=10];\n";
  const auto vertices = vertices_of(root, options);
  for (std::size_t i = 0; i < vertices.size(); ++i)
    text += compose("  n", i, " [label=\"", label(vertices[i], "\\n", escape_dot), "\", ",
                    styles[static_cast<int>(vertices[i].kind)], "];\n");
  for (std::size_t i = 0; i < vertices.size(); ++i)
    for (const std::size_t input : vertices[i].inputs)
      text += compose("  n", input, " -> n", i, ";\n");
  return text + "}\n";
}

std::string to_mermaid(const Tensor& root, const GraphOptions& options) {
  static const char* const classes[] = {"operation", "parameter", "constant"};
  std::string text = "flowchart TD\n";
  const auto vertices = vertices_of(root, options);
  for (std::size_t i = 0; i < vertices.size(); ++i)
    text += compose("  n", i, "[\"", label(vertices[i], "<br/>", escape_mermaid),
                    "\"]:::", classes[static_cast<int>(vertices[i].kind)], "\n");
  for (std::size_t i = 0; i < vertices.size(); ++i)
    for (const std::size_t input : vertices[i].inputs)
      text += compose("  n", input, " --> n", i, "\n");
  return text +
         "  classDef operation fill:#ffffff,stroke:#555555\n"
         "  classDef parameter fill:#cfe8ff,stroke:#555555\n"
         "  classDef constant fill:#eeeeee,stroke:#555555\n";
}

}  // namespace gradus
