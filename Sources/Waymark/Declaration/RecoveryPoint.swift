/// The recovery points a step writes, and what their names say.
///
/// A point is a step's name, for some followed by a word behind a colon: no step's own name holds one.
///
/// | point | means |
/// | --- | --- |
/// | `charged` | the step is committed |
/// | `withdrawn:begun` | the call was about to be made; the group was entered |
/// | `cooled_off:asleep`, `approved:waiting` | nothing happens until its time has come |
/// | `charged:undone`, `withdrawn:undoing` | its compensation is committed, or begun |
/// | `sent:undone[3]` | the compensation of element 3 |
package struct RecoveryPoint: Sendable, Hashable {
    package enum Stage: String, Sendable {
        case begun, asleep, waiting, undoing, undone
    }

    /// The step's name.
    package var step: String
    /// Nil where the step is committed.
    package var stage: Stage?
    /// The element of a ForEach that it is about.
    package var element: Int?

    package init(step: String, stage: Stage? = nil, element: Int? = nil) {
        self.step = step
        self.stage = stage
        self.element = element
    }

    package init(_ text: String) {
        // By bytes, which takes a fraction of going by characters; none of ASCII is a part of something else.
        var rest = text.utf8[...]
        if rest.last == UInt8(ascii: "]"), let bracket = rest.lastIndex(of: UInt8(ascii: "[")) {
            element = Int(String(rest[rest.index(after: bracket)...].dropLast()) ?? "")
            rest = rest[..<bracket]
        }
        if let colon = rest.lastIndex(of: UInt8(ascii: ":")) {
            stage = String(rest[rest.index(after: colon)...]).flatMap(Stage.init)
            if stage != nil { rest = rest[..<colon] }
        }
        step = rest.endIndex == text.endIndex ? text : String(Substring(rest))
    }

    package var description: String {
        (stage.map { "\(step):\($0.rawValue)" } ?? step) + (element.map { "[\($0)]" } ?? "")
    }
}

extension DeclaredCompensation {
    /// The recovery point that undoing the step named `step` commits.
    public static func recoveryPoint(undoing step: String, element: Int? = nil) -> String {
        RecoveryPoint(step: step, stage: .undone, element: element).description
    }
}

extension DeclaredStep {
    /// What the step's beginning is called, where that is committed on its own; nil where a step is begun and done in one.
    package var beginning: RecoveryPoint.Stage? {
        switch kind {
        case .foreignCall(.atMostOnce): .begun
        case .foreignCall: isConditional ? .begun : nil
        case .parallel, .forEach: .begun
        case .sleep: .asleep
        case .wait, .child: .waiting
        case .atomicPhase, .choice: nil
        }
    }

    /// Every recovery point of the step's own but the one of its commit.
    package func pointsBesideCommit(undo: Bool) -> [String] {
        guard undo else {
            return beginning.map { [RecoveryPoint(step: name, stage: $0).description] } ?? []
        }
        guard let compensation else { return [] }
        let undoing = compensation.isBegunAlone ? [RecoveryPoint(step: name, stage: .undoing).description] : []
        return undoing + [DeclaredCompensation.recoveryPoint(undoing: name)]
    }
}

extension DeclaredCompensation {
    /// Whether its beginning is a recovery point of its own.
    package var isBegunAlone: Bool {
        if case .foreignCall(.atMostOnce) = kind { true } else { false }
    }
}
