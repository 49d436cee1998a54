import Synchronization

extension PostgresConnection {
    /// Has the server undo what statements have set in the session: settings, locks, temporary tables, subscriptions.
    ///
    /// Returns whether the session is as new. Prepared statements are gone too.
    nonisolated func resetSession() async -> Bool {
        let unit = PipelineStateMachine.Unit(id: flags.takeUnitID())
        let job = Job(unit: unit, statements: [Statement("DISCARD ALL", isPrepared: false)])
        let outcome = await perform(job, isShielded: true)
        guard case .answered = outcome.end, case .rows = outcome.statements[0] else { return false }
        flags.isDirty.store(false, ordering: .releasing)
        return true
    }
}
