var things = [];
for (var i = 0; i < 2000; ++i) {
	things.push({name: "thing number " + i, weight: i * 1.5, tags: [i, i + 1, String(i)], pattern: /a+b/g,
		describe: function (n) { return this.name + n; }});
}
things.sort(function (a, b) { return a.name < b.name ? -1 : 1; });
var text = things.map(function (t) { return t.describe(1); }).join(",");
