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
        _ = draw(steps, from: [Exit(point: Self.started)], to: Self.finished, into: &edges)
        let undoable = plan.steps.indices.filter { plan[$0].compensation != nil }.map { plan[$0] }
        var point = undoable.last?.name ?? Self.started
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

    /// A point that the next step is drawn from, and the case that leads on from it.
    private struct Exit {
        let point: String
        var label: String?

        func edge(to target: String, _ step: DeclaredStep) -> Edge {
            let prefix = label.map { "\($0): " } ?? ""
            let suffix = step.isConditional ? " (may be skipped)" : ""
            return Edge(from: point, to: target, title: prefix + step.name + suffix, kind: step.kind)
        }
    }

    /// Draws a sequence, and gives the points at which it ends.
    /// - Parameter end: the point that the sequence's last commit writes, where that is not its last step's own.
    private func draw(
        _ steps: [DeclaredStep], from entries: [Exit], to end: String?, into edges: inout [Edge]
    ) -> [Exit] {
        var exits = entries
        for (index, step) in steps.enumerated() {
            let end = index == steps.count - 1 ? end : nil
            let target = end ?? step.name
            switch step.kind {
            case .choice:
                edges += exits.map { $0.edge(to: step.name, step) }
                exits = step.branches.flatMap { branch in
                    draw(branch.steps, from: [Exit(point: step.name, label: branch.label)], to: end, into: &edges)
                }
            case .parallel, .forEach:
                let ends = step.branches.flatMap { draw($0.steps, from: exits, to: nil, into: &edges) }
                edges += ends.map { $0.edge(to: target, step) }
                exits = [Exit(point: target)]
            default:
                edges += exits.map { $0.edge(to: target, step) }
                exits = [Exit(point: target)]
            }
        }
        return exits
    }
}

extension DeclaredStep.Kind: CustomStringConvertible {
    public var description: String {
        switch self {
        case .atomicPhase(.readCommitted): "atomic phase"
        case .atomicPhase(.repeatableRead): "atomic phase, repeatable read"
        case .atomicPhase(.serializable): "atomic phase, serializable"
        case .foreignCall(let idempotence): "foreign call, \(idempotence)"
        case .sleep(let duration): duration.map { "sleep, \($0.formattedForPeople)" } ?? "sleep until a date"
        case .wait: "wait for an event"
        case .child(let saga): "child saga \(saga)"
        case .choice: "choice"
        case .parallel: "parallel"
        case .forEach(let concurrency): "for each, \(concurrency) at a time"
        }
    }
}
