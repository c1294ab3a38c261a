local things = {}
for i = 1, 3000 do
	local t = {name = "thing number " .. i, weight = i * 1.5, tags = {i, i + 1, tostring(i)}}
	t.describe = function(self) return self.name .. i end
	setmetatable(t, {__index = things})
	things[#things + 1] = t
end
local waiting = {}
for i = 1, 50 do
	waiting[i] = coroutine.create(function(x) while true do x = coroutine.yield(x .. i) end end)
	coroutine.resume(waiting[i], "a")
end
keep = {things, waiting, string.rep("long", 5000)}
