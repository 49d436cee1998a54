import WaymarkCommand

await WaymarkTool<FixtureApplication>.start()
