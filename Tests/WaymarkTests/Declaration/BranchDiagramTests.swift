import Testing

@testable import Waymark

/// Choices, groups and waits as drawings.
@Suite struct BranchDiagramTests {
    /// One of each.
    private static let steps: [any Step<Int, Int>] = [
        phase("reserved").undonePhase(),
        choice(
            "routed",
            [
                .card: [
                    call("charged", .keyed(horizon: .hours(24))).undoneCall(.atMostOnce),
                    parallel("told", [call("mailed")], [call("rung")]),
                ],
                .invoice: [choice("written", [.card: [phase("printed")]]), phase("noted")],
            ]),
        call("insured", .atMostOnce).when { $0 > 0 },
        parallel("prepared", [call("labelled")], [call("fetched").undoneCall(), phase("packed")]),
        each("all_sent", concurrency: 4, [call("sent")]),
        SleepUntil<Int>(Sleep("rested", for: .hours(1))),
        WaitFor("approved", event: Int.self, timeout: .hours(1)) { (input: Int, _: Int?) in input },
        Child("settled", Assembled.self, request: { (input: Int) in input }) { (_: Int, answer: Int) in answer },
        choice("closed", [.card: [phase("thanked")], .invoice: [phase("billed")], .none: [phase("filed")]]),
    ]

    /// The arrows, and what is written beside each.
    private static let edges: [(from: String, to: String, step: String, kind: String)] = [
        ("started", "reserved", "reserved", "atomic phase"),
        ("reserved", "routed", "routed", "choice"),
        ("routed", "charged", "card: charged", "foreign call, keyed for 24 h"),
        ("charged", "mailed", "mailed", "foreign call, natural"),
        ("charged", "rung", "rung", "foreign call, natural"),
        ("mailed", "told", "told", "parallel"),
        ("rung", "told", "told", "parallel"),
        ("routed", "written", "invoice: written", "choice"),
        ("written", "printed", "card: printed", "atomic phase"),
        ("printed", "noted", "noted", "atomic phase"),
        ("written", "noted", "invoice: noted", "atomic phase"),
        ("written", "noted", "none: noted", "atomic phase"),
        ("told", "insured", "insured (may be skipped)", "foreign call, at most once"),
        ("noted", "insured", "insured (may be skipped)", "foreign call, at most once"),
        ("routed", "insured", "none: insured (may be skipped)", "foreign call, at most once"),
        ("insured", "labelled", "labelled", "foreign call, natural"),
        ("insured", "fetched", "fetched", "foreign call, natural"),
        ("fetched", "packed", "packed", "atomic phase"),
        ("labelled", "prepared", "prepared", "parallel"),
        ("packed", "prepared", "prepared", "parallel"),
        ("prepared", "sent", "sent", "foreign call, natural"),
        ("sent", "all_sent", "all_sent", "for each, 4 at a time"),
        ("all_sent", "rested", "rested", "sleep, 1 h"),
        ("rested", "approved", "approved", "wait for an event"),
        ("approved", "settled", "settled", "child saga assembled"),
        ("settled", "closed", "closed", "choice"),
        ("closed", "finished", "card: thanked", "atomic phase"),
        ("closed", "finished", "invoice: billed", "atomic phase"),
        ("closed", "finished", "none: filed", "atomic phase"),
        ("fetched", "fetched:undone", "undo fetched", "foreign call, natural"),
        ("fetched:undone", "charged:undone", "undo charged", "foreign call, at most once"),
        ("charged:undone", "finished:rejected", "undo reserved", "atomic phase"),
    ]

    @Test func mermaid() throws {
        let points = Self.edges.reduce(into: [String]()) { points, edge in
            for point in [edge.from, edge.to] where !points.contains(point) { points.append(point) }
        }
        let nodes = points.enumerated().map { "    n\($0)([\"\($1)\"])" }
        let arrows = Self.edges.map { edge in
            let ids = [edge.from, edge.to].compactMap { points.firstIndex(of: $0) }
            let arrow = edge.step.hasPrefix("undo") ? "-.->" : "-->"
            return "    n\(ids[0]) \(arrow)|\"\(edge.step)<br>\(edge.kind)\"| n\(ids[1])"
        }
        let expected = (["flowchart TD"] + nodes + arrows).joined(separator: "\n") + "\n"
        #expect(try SagaDeclaration(Assembled(Self.steps)).diagram(.mermaid) == expected)
    }

    @Test func dot() throws {
        let arrows = Self.edges.map { edge in
            let style = edge.step.hasPrefix("undo") ? ", style=dashed" : ""
            return #"    "\#(edge.from)" -> "\#(edge.to)" [label="\#(edge.step)\n\#(edge.kind)"\#(style)];"#
        }
        let head = [#"digraph "assembled" {"#, "    node [shape=box, style=rounded];"]
        let expected = (head + arrows + ["}"]).joined(separator: "\n") + "\n"
        #expect(try SagaDeclaration(Assembled(Self.steps)).diagram(.dot) == expected)
    }
}
