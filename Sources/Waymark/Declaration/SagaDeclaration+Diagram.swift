import PostgresPQ

extension SagaDeclaration {
    /// The languages a diagram can be printed in.
    public enum DiagramFormat: String, Sendable, CaseIterable {
        case mermaid, dot
    }

    /// A drawing of the saga: recovery points joined by steps, and the way back through its compensations.
    public func diagram(_ format: DiagramFormat) -> String {
        switch format {
        case .mermaid: mermaid
        case .dot: dot
        }
    }

    private var mermaid: String {
        // Nodes are numbered: a name such as "end" is a word of Mermaid's, and "a-b" and "a_b" are two points.
        var ids: [String: String] = [:]
        var nodes: [String] = []
        for name in edges.flatMap({ [$0.from, $0.to] }) where ids[name] == nil {
            let id = "n\(ids.count)"
            ids[name] = id
            nodes.append("    \(id)([\"\(name)\"])")
        }
        let lines = edges.map { edge in
            let arrow = edge.isUndo ? "-.->" : "-->"
            return "    \(ids[edge.from, default: ""]) \(arrow)|\"\(edge.label(lineBreak: "<br>"))\"| "
                + ids[edge.to, default: ""]
        }
        return (["flowchart TD"] + nodes + lines).joined(separator: "\n") + "\n"
    }

    private var dot: String {
        let lines = edges.map { edge in
            let style = edge.isUndo ? ", style=dashed" : ""
            return "    \"\(edge.from)\" -> \"\(edge.to)\" [label=\"\(edge.label(lineBreak: "\\n"))\"\(style)];"
        }
        let head = ["digraph \"\(name)\" {", "    node [shape=box, style=rounded];"]
        return (head + lines + ["}"]).joined(separator: "\n") + "\n"
    }

    private struct Edge {
        let from: String
        let to: String
        let title: String
        let kind: DeclaredStep.Kind
        var isUndo = false

        func label(lineBreak: String) -> String { "\(title)\(lineBreak)\(kind)" }
    }

    private var edges: [Edge] {
        var edges: [Edge] = []
        var point = Self.started
        for (index, step) in steps.enumerated() {
            let next = index == steps.count - 1 ? Self.finished : step.name
            edges.append(Edge(from: point, to: next, title: step.name, kind: step.kind))
            point = next
        }
        let undoable = steps.dropLast().filter { $0.compensation != nil }
        point = undoable.last?.name ?? point
        for (index, step) in undoable.enumerated().reversed() {
            guard let undo = step.compensation else { continue }
            // No step can have the name of the last node: it holds a colon.
            let next =
                index == 0 ? "\(Self.finished):rejected" : DeclaredCompensation.recoveryPoint(undoing: step.name)
            edges.append(Edge(from: point, to: next, title: "undo \(step.name)", kind: undo.kind, isUndo: true))
            point = next
        }
        return edges
    }
}

extension DeclaredStep.Kind: CustomStringConvertible {
    public var description: String {
        switch self {
        case .atomicPhase(.readCommitted): "atomic phase"
        case .atomicPhase(.repeatableRead): "atomic phase, repeatable read"
        case .atomicPhase(.serializable): "atomic phase, serializable"
        case .foreignCall(let idempotence): "foreign call, \(idempotence)"
        }
    }
}
